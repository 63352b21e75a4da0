// A channel's normalization, to the last bit the same wherever it is computed: in the backward pass the rectifier must
// decide as it did before.

struct Normalization { float mean, inverse, scale, shift; };  // (x - mean) scale + shift; inverse is 1 / deviation

// Its numbers: gamma and beta of a channel, moments of a channel or of a sample's.
__device__ __forceinline__ Normalization normalization(const float* gamma, const float* beta, const float* mean,
                                                       const float* variance, int channel, long long of_moments,
                                                       float eps) {
  const float inverse = rsqrtf(variance[of_moments] + eps);
  return {mean[of_moments], inverse, gamma[channel] * inverse, beta[channel]};
}

__device__ __forceinline__ float normalized(float x, const Normalization& by) {
  return fmaf(x - by.mean, by.scale, by.shift);
}
