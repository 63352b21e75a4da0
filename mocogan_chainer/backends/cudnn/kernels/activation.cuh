// Noise, LeakyReLU with its backward pass, and dropout: one pass over flat arrays of `size` numbers.
//
// Noise of sigma 0 is none, and costs nothing.
#include "philox.cuh"

extern "C" __global__ void __launch_bounds__(256)
add_noise(const float* __restrict__ x, float* __restrict__ y, long long size,
          const unsigned long long* __restrict__ key_at, unsigned long long key, float sigma) {
  const unsigned long long counter = own_counter();
  const long long first = first_place(counter);
  if (first >= size) return;
  Four<float> values = read(x, first, size);
  const Four<float> noise = normal_numbers(counter, stream_key(key_at, key));
#pragma unroll
  for (int w = 0; w < 4; ++w) values.at[w] = fmaf(sigma, noise.at[w], values.at[w]);
  write(y, first, size, values);
}

extern "C" __global__ void __launch_bounds__(256)
rectify(const float* __restrict__ x, float* __restrict__ y, bool* __restrict__ positive, long long size, float slope,
        const unsigned long long* __restrict__ key_at, unsigned long long key, float sigma) {
  const unsigned long long counter = own_counter();
  const long long first = first_place(counter);
  if (first >= size) return;
  Four<float> values = read(x, first, size), noise = {};
  Four<bool> is_positive;
  if (sigma != 0.0f) noise = normal_numbers(counter, stream_key(key_at, key));
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    is_positive.at[w] = values.at[w] > 0.0f;
    values.at[w] = fmaf(sigma, noise.at[w], is_positive.at[w] ? values.at[w] : values.at[w] * slope);
  }
  write(y, first, size, values);
  write(positive, first, size, is_positive);
}

extern "C" __global__ void __launch_bounds__(256)
rectify_backward(const bool* __restrict__ positive, const float* __restrict__ gy, float* __restrict__ gx,
                 long long size, float slope) {
  const long long first = first_place(own_counter());
  const Four<bool> is_positive = read(positive, first, size);
  Four<float> values = read(gy, first, size);
#pragma unroll
  for (int w = 0; w < 4; ++w) values.at[w] = is_positive.at[w] ? values.at[w] : values.at[w] * slope;
  write(gx, first, size, values);
}

extern "C" __global__ void __launch_bounds__(256)
drop(const float* __restrict__ x, float* __restrict__ y, long long size, const unsigned long long* __restrict__ key_at,
     unsigned long long key, unsigned threshold, float scale) {
  const unsigned long long counter = own_counter();
  const long long first = first_place(counter);
  if (first >= size) return;
  Four<float> values = read(x, first, size);
  const Four<unsigned> words = philox(counter, stream_key(key_at, key));
#pragma unroll
  for (int w = 0; w < 4; ++w) values.at[w] = words.at[w] < threshold ? 0.0f : values.at[w] * scale;
  write(y, first, size, values);
}
