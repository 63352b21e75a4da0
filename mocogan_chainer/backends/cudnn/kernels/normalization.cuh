// Normalization, LeakyReLU and noise in one pass, and the pass back: (N, *size, C) as flat arrays of `size` numbers.
//
// Moments are (C,), or (N, C) where a sample has fewer numbers than the array: `sample_size` says which.
#include "philox.cuh"
#include "normalized.cuh"

// The channel and the sample of a position that goes on by 1024: divisions are dear, and one thread has four positions.
struct Place {
  long long sample, rest, sample_size;
  int channel, channels, step;

  __device__ __forceinline__ Place(long long i, long long size, long long sample_size, int channels)
      : sample(0), rest(i), sample_size(sample_size), channels(channels), step(STEP % channels) {
    channel = (int)(i % channels);
    if (sample_size < size) wrap();
  }
  __device__ __forceinline__ void wrap() {
    if (rest < sample_size) return;
    sample += rest / sample_size;
    rest %= sample_size;
  }
  __device__ __forceinline__ void advance() {
    channel += step;
    if (channel >= channels) channel -= channels;
    rest += STEP;
    wrap();
  }
  __device__ __forceinline__ long long of_moments() const { return sample * channels + channel; }
};

extern "C" __global__ void __launch_bounds__(256)
normalize_rectify(const float* __restrict__ x, float* __restrict__ y, long long size, long long sample_size,
                  int channels, const float* __restrict__ gamma, const float* __restrict__ beta,
                  const float* __restrict__ mean, const float* __restrict__ variance, float eps, float slope,
                  const unsigned long long* __restrict__ key_at, unsigned long long key, float sigma) {
  const unsigned long long counter = own_counter();
  const long long first = first_place(counter);
  if (first >= size) return;
  Four<float> values = read(x, first, size), noise = {};
  Place place(first, size, sample_size, channels);
  if (sigma != 0.0f) noise = normal_numbers(counter, stream_key(key_at, key));
  Normalization by = {};
  long long known = -1;
#pragma unroll
  for (int w = 0; w < 4; ++w, place.advance()) {
    if (first + w * STEP >= size) break;
    if (place.of_moments() != known) {
      known = place.of_moments();
      by = normalization(gamma, beta, mean, variance, place.channel, known, eps);
    }
    const float value = normalized(values.at[w], by);
    values.at[w] = fmaf(sigma, noise.at[w], value > 0.0f ? value : value * slope);
  }
  write(y, first, size, values);
}

// gx = scale (g - mean of g - x_hat mean of g x_hat), where g is gy through the rectifier. `sums` (N or 1, 2, C) are
// those of g and of g x_hat; their means are these times `share`.
extern "C" __global__ void __launch_bounds__(256)
normalize_rectify_backward(const float* __restrict__ x, const float* __restrict__ gy, float* __restrict__ gx,
                           long long size, long long sample_size, int channels, const float* __restrict__ gamma,
                           const float* __restrict__ beta, const float* __restrict__ mean,
                           const float* __restrict__ variance, float eps, float slope, const float* __restrict__ sums,
                           float share) {
  const long long first = first_place(own_counter());
  if (first >= size) return;
  const Four<float> values = read(x, first, size);
  Four<float> gradients = read(gy, first, size);
  Place place(first, size, sample_size, channels);
  Normalization by = {};
  float mean_g = 0.0f, factor = 0.0f;
  long long known = -1;
#pragma unroll
  for (int w = 0; w < 4; ++w, place.advance()) {
    if (first + w * STEP >= size) break;
    if (place.of_moments() != known) {
      known = place.of_moments();
      by = normalization(gamma, beta, mean, variance, place.channel, known, eps);
      const float* of_place = sums + 2 * place.sample * channels + place.channel;
      mean_g = of_place[0] * share;
      factor = of_place[channels] * share * by.inverse;
    }
    const float g = gradients.at[w], through = normalized(values.at[w], by) > 0.0f ? g : g * slope;
    gradients.at[w] = by.scale * (through - mean_g - (values.at[w] - by.mean) * factor);
  }
  write(gx, first, size, gradients);
}
