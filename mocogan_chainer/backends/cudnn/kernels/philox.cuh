// The noise stream of mocogan_chainer/backends/random.py.
#include "places.cuh"

// The stream's key, which a recorded step looks up each time that it runs.
__device__ __forceinline__ unsigned long long stream_key(const unsigned long long* key_at, unsigned long long key) {
  return key_at ? *key_at : key;
}

// Philox4x32-10 (Salmon et al. 2011).
__device__ __forceinline__ Four<unsigned> philox(unsigned long long counter, unsigned long long key) {
  unsigned c0 = (unsigned)counter, c1 = (unsigned)(counter >> 32), c2 = 0, c3 = 0;
  unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned long long product0 = 0xD2511F53ull * c0, product1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(product1 >> 32) ^ c1 ^ k0;
    c2 = (unsigned)(product0 >> 32) ^ c3 ^ k1;
    c1 = (unsigned)product1;
    c3 = (unsigned)product0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Two normal numbers of two words (Box and Muller 1958).
__device__ __forceinline__ void normal_pair(unsigned a, unsigned b, float* x, float* y) {
  const float u = (float)((a >> 8) + 1) * 0x1p-24f;  // in (0, 1]
  const float radius = sqrtf(-2.0f * logf(u));
  // The angle is (quadrant + turn) pi / 2: b's upper 2 bits, and the 24 below them less a half.
  const float turn = (float)(b >> 6 & 0xFFFFFFu) * 0x1p-24f - 0.5f;
  const float angle = turn * 1.57079633f;
  const float s = angle * angle;
  const float cosine = fmaf(fmaf(fmaf(fmaf(1.0f / 40320, s, -1.0f / 720), s, 1.0f / 24), s, -0.5f), s, 1.0f);
  const float ratio = fmaf(fmaf(fmaf(fmaf(1.0f / 362880, s, -1.0f / 5040), s, 1.0f / 120), s, -1.0f / 6), s, 1.0f);
  const float sine = angle * ratio;
  const float signed_radius = b >> 31 ? -radius : radius;
  const bool odd = b >> 30 & 1;
  *x = signed_radius * (odd ? -sine : cosine);
  *y = signed_radius * (odd ? cosine : sine);
}

// The normal numbers of a counter.
__device__ __forceinline__ Four<float> normal_numbers(unsigned long long counter, unsigned long long key) {
  const Four<unsigned> words = philox(counter, key);
  Four<float> numbers;
  normal_pair(words.at[0], words.at[1], &numbers.at[0], &numbers.at[1]);
  normal_pair(words.at[2], words.at[3], &numbers.at[2], &numbers.at[3]);
  return numbers;
}
