// Matrix products in float32, tile by tile; sums run in one order, so that results are the same from run to run.

#define TILE 32
#define SIDE 16  // threads along each side of a tile; each computes 2 x 2 of its numbers

// Part blockIdx.z of c = a b, for a (M, K) and b (K, N): the sum over terms_a_part terms of K, to c (parts, M, N).
// An element (i, j) of a lies at i * a_row + j * a_column; one of the two strides is 1. So it is with b.
extern "C" __global__ void __launch_bounds__(256)
product(const float* __restrict__ a, int a_row, int a_column, const float* __restrict__ b, int b_row, int b_column,
        float* __restrict__ c, int M, int K, int N, int terms_a_part) {
  __shared__ float a_tile[TILE][TILE + 1];  // by term and row
  __shared__ float b_tile[TILE][TILE + 1];  // by term and column
  const int x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
  const int first_row = blockIdx.x * TILE, first_column = blockIdx.y * TILE;
  const int first_term = blockIdx.z * terms_a_part;
  const int last_term = min(first_term + terms_a_part, K);
  const int near = threadIdx.x % TILE, far = threadIdx.x / TILE;  // neighbours in a warp read neighbours in memory
  float sums[2][2] = {};
  for (int start = first_term; start < last_term; start += TILE) {
#pragma unroll
    for (int round = 0; round < 4; ++round) {
      const int other = far + 8 * round;
      const int a_term = a_column == 1 ? near : other, a_i = a_column == 1 ? other : near;
      const int b_term = b_column == 1 ? other : near, b_j = b_column == 1 ? near : other;
      const int row = first_row + a_i, column = first_column + b_j;
      a_tile[a_term][a_i] = row < M && start + a_term < last_term
          ? a[(long long)row * a_row + (long long)(start + a_term) * a_column] : 0.0f;
      b_tile[b_term][b_j] = column < N && start + b_term < last_term
          ? b[(long long)(start + b_term) * b_row + (long long)column * b_column] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int term = 0; term < TILE; ++term) {
      const float upper = a_tile[term][y], lower = a_tile[term][y + SIDE];
      const float left = b_tile[term][x], right = b_tile[term][x + SIDE];
      sums[0][0] += upper * left;
      sums[0][1] += upper * right;
      sums[1][0] += lower * left;
      sums[1][1] += lower * right;
    }
    __syncthreads();
  }
  float* to = c + (long long)blockIdx.z * M * N;
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int row = first_row + y + SIDE * i, column = first_column + x + SIDE * j;
      if (row < M && column < N) to[(long long)row * N + column] = sums[i][j];
    }
}

// c (size,) = the sum of the parts (parts, size), from the first to the last.
extern "C" __global__ void product_sum(const float* __restrict__ sums, float* __restrict__ c, int parts, long long size) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  float sum = 0.0f;
  for (int part = 0; part < parts; ++part) sum += sums[part * size + i];
  c[i] = sum;
}
