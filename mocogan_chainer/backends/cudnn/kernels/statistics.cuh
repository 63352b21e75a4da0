// Sums over the rows of a table (samples, rows, channels), a channel and sample at a time, in two stages.
//
// First each block adds up some of the rows for up to 256 channels: threads lie along the channels, and where there are
// fewer of these along rows too, so that a block reads one piece of memory after another. A thread adds up eight rows
// in float32 and all else in float64: neither a mean far from 0 nor a long sum costs digits. Then the second stage adds
// up what blocks have given, `partial` (samples, blocks, 2, channels), in an order that never changes.
#include "normalized.cuh"

constexpr int THREADS = 256;
constexpr int TOGETHER = 8;  // rows that a thread has on their way at a time
constexpr int COLUMNS = 32;  // the second stage's channels of a block
constexpr int LANES = 16;  // threads, at most, that share the partial sums of one

// The rows and the channel of a thread in the first stage.
struct Part {
  long long sample, row, last;
  int block, column, lane, lanes, width, channel;
  bool used;

  __device__ __forceinline__ Part(long long rows, int channels, int blocks, long long block_rows) {
    const int chunks = (channels + THREADS - 1) / THREADS;
    block = blockIdx.x % blocks;
    const int chunk = blockIdx.x / blocks % chunks;
    sample = blockIdx.x / blocks / chunks;
    width = min(THREADS, channels - chunk * THREADS);
    lanes = THREADS / width;
    column = threadIdx.x % width;
    lane = threadIdx.x / width;
    used = lane < lanes;
    channel = chunk * THREADS + column;
    row = block * block_rows + lane;
    last = min(rows, (block + 1) * block_rows);
  }
};

// Add up a block's lanes and write what they give.
__device__ __forceinline__ void finish_part(const Part& part, int channels, int blocks, double a, double b,
                                            double* partial) {
  __shared__ double shared_a[THREADS], shared_b[THREADS];
  const int t = threadIdx.x;
  shared_a[t] = a;
  shared_b[t] = b;
  __syncthreads();
  for (int lanes = part.lanes; lanes > 1;) {
    const int half = (lanes + 1) / 2;
    if (part.lane + half < lanes) {
      shared_a[t] += shared_a[t + half * part.width];
      shared_b[t] += shared_b[t + half * part.width];
    }
    __syncthreads();
    lanes = half;
  }
  if (part.lane == 0) {
    double* out = partial + (part.sample * blocks + part.block) * 2 * channels + part.channel;
    out[0] = shared_a[t];
    out[channels] = shared_b[t];
  }
}

// The sums of x and of its squares.
extern "C" __global__ void __launch_bounds__(256, 4)
add_powers(const float* __restrict__ x, long long rows, int channels, int blocks, long long block_rows,
           double* __restrict__ partial) {
  const Part part(rows, channels, blocks, block_rows);
  double sum = 0, squares = 0;
  if (part.used) {
    const float* of_channel = x + part.sample * rows * channels + part.channel;
    for (long long row = part.row; row < part.last; row += TOGETHER * part.lanes) {
      const float base = of_channel[row * channels];  // sums of what differs from one number are small
      float s = 0.0f, q = 0.0f;
      int n = 1;
#pragma unroll
      for (int k = 1; k < TOGETHER; ++k) {
        const long long r = row + k * part.lanes;
        const bool inside = r < part.last;
        const float d = inside ? of_channel[r * channels] - base : 0.0f;
        s += d;
        q = fmaf(d, d, q);
        n += inside;
      }
      const double first = base, rest = s;
      sum += n * first + rest;
      squares += first * (n * first + 2 * rest) + q;
    }
  }
  finish_part(part, channels, blocks, sum, squares, partial);
}

// The sums of g and of g x_hat, where g is gy through the rectifier behind the normalization of x.
extern "C" __global__ void __launch_bounds__(256, 4)
add_gradients(const float* __restrict__ x, const float* __restrict__ gy, long long rows, int channels, int blocks,
              long long block_rows, const float* __restrict__ gamma, const float* __restrict__ beta,
              const float* __restrict__ mean, const float* __restrict__ variance, float eps, float slope,
              double* __restrict__ partial) {
  const Part part(rows, channels, blocks, block_rows);
  double sum = 0, products = 0;
  if (part.used) {
    const Normalization by = normalization(gamma, beta, mean, variance, part.channel,
                                           part.sample * channels + part.channel, eps);
    const long long start = part.sample * rows * channels + part.channel;
    for (long long row = part.row; row < part.last; row += TOGETHER * part.lanes) {
      float s = 0.0f, q = 0.0f;
#pragma unroll
      for (int k = 0; k < TOGETHER; ++k) {
        const long long r = row + k * part.lanes;
        const bool inside = r < part.last;
        const float value = inside ? x[start + r * channels] : 0.0f, g = inside ? gy[start + r * channels] : 0.0f;
        const float through = normalized(value, by) > 0.0f ? g : g * slope;
        s += through;
        q = fmaf(through, value - by.mean, q);
      }
      sum += s;
      products += q;
    }
    products *= by.inverse;
  }
  finish_part(part, channels, blocks, sum, products, partial);
}

struct Sums { double a, b; };

// The second stage's sample and channel of a thread.
struct Column {
  long long sample;
  int channel;

  __device__ __forceinline__ Column(int channels) {
    const int groups = (channels + COLUMNS - 1) / COLUMNS;
    sample = blockIdx.x / groups;
    channel = blockIdx.x % groups * COLUMNS + threadIdx.x % COLUMNS;
  }
};

// Add up a column of partial sums; the block's first 32 threads have the result.
__device__ __forceinline__ Sums finish_column(const Column& column, const double* partial, int channels, int blocks) {
  __shared__ double shared_a[LANES][COLUMNS], shared_b[LANES][COLUMNS];
  const int lane = threadIdx.x / COLUMNS, lanes = blockDim.x / COLUMNS, place = threadIdx.x % COLUMNS;
  Sums sums = {0, 0};
  if (column.channel < channels) {
    const double* first = partial + column.sample * blocks * 2 * channels + column.channel;
#pragma unroll 4
    for (int block = lane; block < blocks; block += lanes) {
      sums.a += first[2ll * block * channels];
      sums.b += first[(2ll * block + 1) * channels];
    }
  }
  shared_a[lane][place] = sums.a;
  shared_b[lane][place] = sums.b;
  __syncthreads();
  if (lane == 0) {
    for (int k = 1; k < lanes; ++k) {
      sums.a += shared_a[k][place];
      sums.b += shared_b[k][place];
    }
  }
  return sums;
}

// Mean and biased variance, both (samples, channels), by what add_powers gave; share is 1 / rows. Running ones (channels),
// where there are any, keep `decay` of themselves and move towards the mean and `unbiasing` times the variance.
extern "C" __global__ void __launch_bounds__(512)
finish_moments(const double* __restrict__ partial, double share, int channels, int blocks, float* __restrict__ mean,
               float* __restrict__ variance, float* running_mean, float* running_variance, double decay,
               float unbiasing) {
  const Column column(channels);
  const Sums sums = finish_column(column, partial, channels, blocks);
  if (threadIdx.x < COLUMNS && column.channel < channels) {
    const long long place = column.sample * channels + column.channel;
    const double middle = sums.a * share, spread = sums.b * share - middle * middle;
    const float m = (float)middle, v = spread < 0 ? 0.0f : (float)spread;
    mean[place] = m;
    variance[place] = v;
    if (running_mean) {
      const float kept = (float)decay, rest = (float)(1.0 - decay);
      running_mean[place] = kept * running_mean[place] + rest * m;
      running_variance[place] = kept * running_variance[place] + rest * (v * unbiasing);
    }
  }
}

// Both sums of each sample and channel, (samples, 2, channels), and the same numbers in float32.
extern "C" __global__ void __launch_bounds__(512)
finish_sums(const double* __restrict__ partial, int channels, int blocks, double* __restrict__ sums,
            float* __restrict__ rounded) {
  const Column column(channels);
  const Sums total = finish_column(column, partial, channels, blocks);
  if (threadIdx.x < COLUMNS && column.channel < channels) {
    const long long place = 2 * column.sample * channels + column.channel;
    sums[place] = total.a;
    sums[place + channels] = total.b;
    rounded[place] = (float)total.a;
    rounded[place + channels] = (float)total.b;
  }
}
