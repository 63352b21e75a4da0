// A GRU over a whole sequence in one kernel: a block takes some samples through all steps, forward or back.
//
// Samples do not depend on each other, so blocks never wait for each other. Small states ("held"): a thread a number of
// a sample's state, W in shared memory. Larger ones ("streamed"): W comes out of the L2 cache at each step, for four
// samples at once.
//
// Shapes: x, gates (T, N, 3H): reset, update, new; h (T + 1, N, H); hidden_n = W_hn h + b_hn
// (T, N, H); W (3H, H); gy (N, T, H).

#define SAMPLES 4

__device__ __forceinline__ float sigmoid(float x) { return tanhf(0.5f * x) * 0.5f + 0.5f; }

// What one number of a state needs at a step forward, and the step.
struct Forward {
  float x_reset, x_update, x_new;

  // The projected inputs of number j of row (t N + n).
  __device__ __forceinline__ void load(const float* __restrict__ x, long long row, int H, int j) {
    x += row * 3 * H + j;
    x_reset = x[0];
    x_update = x[H];
    x_new = x[2 * H];
  }

  // The number after the step; p are those of W h + b.
  __device__ __forceinline__ float step(float p_reset, float p_update, float p_new, float before, float* gates,
                                        float* hidden_n, long long row, int H, int j) const {
    const float reset = sigmoid(x_reset + p_reset), update = sigmoid(x_update + p_update);
    const float fresh = tanhf(x_new + reset * p_new);
    gates += row * 3 * H + j;
    gates[0] = reset;
    gates[H] = update;
    gates[2 * H] = fresh;
    hidden_n[row * H + j] = p_new;
    return fresh + update * (before - fresh);
  }
};

// The same in the backward pass.
struct Backward {
  float gy, reset, update, fresh, p_new, before;

  // gy_at is where number j of step t of sample n lies in gy.
  __device__ __forceinline__ void load(const float* __restrict__ gy_at, const float* __restrict__ gates,
                                       const float* __restrict__ hidden_n, const float* __restrict__ h, long long row,
                                       int H, int j) {
    gy = *gy_at;
    gates += row * 3 * H + j;
    reset = gates[0];
    update = gates[H];
    fresh = gates[2 * H];
    p_new = hidden_n[row * H + j];
    before = h[row * H + j];
  }

  // Writes the gradients of x and, to gp and g[0], g[stride], g[2 stride], of p; gh is that of the state after the step.
  __device__ __forceinline__ void step(float gh, float* gx, float* gp, float* g, int stride, long long row, int H,
                                       int j) const {
    const float by_new = gh * (1.0f - update) * (1.0f - fresh * fresh);
    const float by_reset = by_new * p_new * reset * (1.0f - reset);
    const float by_update = gh * (before - fresh) * update * (1.0f - update);
    const long long at = row * 3 * H + j;
    gx[at] = gp[at] = g[0] = by_reset;
    gx[at + H] = gp[at + H] = g[stride] = by_update;
    gx[at + 2 * H] = by_new;
    gp[at + 2 * H] = g[2 * stride] = by_new * reset;
  }
};

// samples H threads or a few more; shared memory for W and two states a sample.
extern "C" __global__ void __launch_bounds__(128)
gru_forward_held(const float* __restrict__ x, const float* __restrict__ h0, const float* __restrict__ W,
                 const float* __restrict__ b, float* h, float* gates, float* hidden_n, int T, int N, int H,
                 int samples) {
  DYNAMIC_SHARED(float, shared);
  float* weights = shared;                  // (H, 3H): threads side by side read numbers side by side
  float* states = weights + 3 * H * H;      // two of (samples, H): before and after a step
  const int s = threadIdx.x / H, j = threadIdx.x % H;
  const int n = blockIdx.x * samples + s;
  const bool works = s < samples && n < N;
#pragma unroll 8
  for (int i = threadIdx.x; i < 3 * H * H; i += blockDim.x) weights[i % H * 3 * H + i / H] = W[i];
  float state = 0.0f, b_reset = 0.0f, b_update = 0.0f, b_new = 0.0f;
  Forward next = {};
  if (works) {
    states[s * H + j] = h[(long long)n * H + j] = state = h0[(long long)n * H + j];
    b_reset = b[j];
    b_update = b[H + j];
    b_new = b[2 * H + j];
    next.load(x, n, H, j);
  }
  __syncthreads();
  for (int t = 0; t < T; ++t) {
    if (works) {
      const long long row = (long long)t * N + n;
      const Forward now = next;
      if (t + 1 < T) next.load(x, row + N, H, j);  // it arrives while this step computes
      const float* before = states + (t & 1) * samples * H + s * H;
      float p_reset = b_reset, p_update = b_update, p_new = b_new;
      for (int k = 0; k < H; ++k) {
        const float* w = weights + k * 3 * H + j;
        p_reset += w[0] * before[k];
        p_update += w[H] * before[k];
        p_new += w[2 * H] * before[k];
      }
      state = now.step(p_reset, p_update, p_new, state, gates, hidden_n, row, H, j);
      states[(~t & 1) * samples * H + s * H + j] = h[(row + N) * H + j] = state;
    }
    __syncthreads();
  }
}

// samples H threads or a few more; shared memory for W and two gradients of p a sample.
extern "C" __global__ void __launch_bounds__(128)
gru_backward_held(const float* __restrict__ gy, const float* __restrict__ W, const float* __restrict__ h,
                  const float* __restrict__ gates, const float* __restrict__ hidden_n, float* gx, float* gp, float* gh0,
                  int T, int N, int H, int samples) {
  DYNAMIC_SHARED(float, shared);
  float* weights = shared;                      // (3H, H)
  float* gradients = weights + 3 * H * H;       // two of (samples, 3H), used in turn
  const int s = threadIdx.x / H, j = threadIdx.x % H;
  const int n = blockIdx.x * samples + s;
  const bool works = s < samples && n < N;
#pragma unroll 8
  for (int i = threadIdx.x; i < 3 * H * H; i += blockDim.x) weights[i] = W[i];
  gy += (long long)n * T * H + j;
  float carried = 0.0f;
  Backward next = {};
  if (works) next.load(gy + (long long)(T - 1) * H, gates, hidden_n, h, (long long)(T - 1) * N + n, H, j);
  for (int t = T - 1; t >= 0; --t) {
    const long long row = (long long)t * N + n;
    const Backward now = next;
    float* g = gradients + ((t & 1) * samples + s) * 3 * H;
    const float gh = carried + now.gy;
    if (works) {
      now.step(gh, gx, gp, g + j, H, row, H, j);
      if (t > 0) next.load(gy + (long long)(t - 1) * H, gates, hidden_n, h, row - N, H, j);
    }
    __syncthreads();
    if (works) {
      float by_reset = gh * now.update, by_update = 0.0f, by_new = 0.0f;
      for (int k = 0; k < H; ++k) {
        const float* w = weights + k * H + j;
        by_reset += g[k] * w[0];
        by_update += g[H + k] * w[H * H];
        by_new += g[2 * H + k] * w[2 * H * H];
      }
      carried = by_reset + (by_update + by_new);
    }
  }
  if (works) gh0[(long long)n * H + j] = carried;
}

// W_t is W transposed, (H, 3H). Shared memory for two states of four samples.
extern "C" __global__ void __launch_bounds__(512)
gru_forward_streamed(const float* __restrict__ x, const float* __restrict__ h0, const float* __restrict__ W_t,
                     const float* __restrict__ b, float* h, float* gates, float* hidden_n, int T, int N, int H) {
  DYNAMIC_SHARED(float, shared);  // two of (H, samples): before and after a step
  const int first = blockIdx.x * SAMPLES, count = min(SAMPLES, N - first);
  for (int i = threadIdx.x; i < SAMPLES * H; i += blockDim.x) {
    const int s = i / H, j = i % H;
    const long long at = (long long)(first + s) * H + j;
    if (s < count) shared[j * SAMPLES + s] = h[at] = h0[at];  // what there is of no sample goes nowhere
  }
  __syncthreads();
  for (int t = 0; t < T; ++t) {
    const float* before = shared + (t & 1) * SAMPLES * H;
    float* after = shared + (~t & 1) * SAMPLES * H;
    for (int j = threadIdx.x; j < H; j += blockDim.x) {
      float p[3][SAMPLES];
#pragma unroll
      for (int gate = 0; gate < 3; ++gate)
#pragma unroll
        for (int s = 0; s < SAMPLES; ++s) p[gate][s] = b[gate * H + j];
#pragma unroll 4
      for (int k = 0; k < H; ++k) {
        const float4 four = ((const float4*)before)[k];
        const float states[SAMPLES] = {four.x, four.y, four.z, four.w};
#pragma unroll
        for (int gate = 0; gate < 3; ++gate) {
          const float w = W_t[(k * 3 + gate) * H + j];
#pragma unroll
          for (int s = 0; s < SAMPLES; ++s) p[gate][s] += w * states[s];
        }
      }
#pragma unroll
      for (int s = 0; s < SAMPLES; ++s)
        if (s < count) {
          const long long row = (long long)t * N + first + s;
          Forward now;
          now.load(x, row, H, j);
          const float state = now.step(p[0][s], p[1][s], p[2][s], before[j * SAMPLES + s], gates, hidden_n, row, H, j);
          after[j * SAMPLES + s] = h[(row + N) * H + j] = state;
        }
    }
    __syncthreads();
  }
}

// Shared memory for a gradient of p and one of a state of four samples.
extern "C" __global__ void __launch_bounds__(512)
gru_backward_streamed(const float* __restrict__ gy, const float* __restrict__ W, const float* __restrict__ h,
                      const float* __restrict__ gates, const float* __restrict__ hidden_n, float* gx, float* gp,
                      float* gh0, int T, int N, int H) {
  DYNAMIC_SHARED(float, shared);
  float* gradients = shared;                      // (3H, samples)
  float* carried = gradients + 3 * SAMPLES * H;   // (H, samples), each row one thread's own
  const int first = blockIdx.x * SAMPLES, count = min(SAMPLES, N - first);
  for (int j = threadIdx.x; j < H; j += blockDim.x)
    for (int s = 0; s < SAMPLES; ++s) carried[j * SAMPLES + s] = 0.0f;
  for (int t = T - 1; t >= 0; --t) {
    for (int j = threadIdx.x; j < H; j += blockDim.x)
#pragma unroll
      for (int s = 0; s < SAMPLES; ++s)
        if (s < count) {
          const long long row = (long long)t * N + first + s;
          Backward now;
          now.load(gy + ((long long)(first + s) * T + t) * H + j, gates, hidden_n, h, row, H, j);
          const float gh = carried[j * SAMPLES + s] + now.gy;
          now.step(gh, gx, gp, gradients + j * SAMPLES + s, H * SAMPLES, row, H, j);
          carried[j * SAMPLES + s] = gh * now.update;
        }
    __syncthreads();
    for (int j = threadIdx.x; j < H; j += blockDim.x) {
      float4 sum = ((float4*)carried)[j];
#pragma unroll 8
      for (int r = 0; r < 3 * H; ++r) {
        const float w = W[r * H + j];
        const float4 g = ((const float4*)gradients)[r];
        sum.x += w * g.x;
        sum.y += w * g.y;
        sum.z += w * g.z;
        sum.w += w * g.w;
      }
      ((float4*)carried)[j] = sum;
    }
    __syncthreads();
  }
  for (int j = threadIdx.x; j < H; j += blockDim.x)
    for (int s = 0; s < count; ++s) gh0[(long long)(first + s) * H + j] = carried[j * SAMPLES + s];
}
