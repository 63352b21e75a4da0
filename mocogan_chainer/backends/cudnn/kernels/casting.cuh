// Float32 numbers as bfloat16 or float16 and back: flat arrays of `size` numbers, which begin at multiples of 16 bytes.
//
// Rounding is to the nearest, ties to even, as the device's own instructions do it, in integer arithmetic that any
// compiler knows.

__device__ __forceinline__ unsigned bits_of(float x) { return (unsigned)__float_as_int(x); }
__device__ __forceinline__ float of_bits(unsigned bits) { return __int_as_float((int)bits); }

struct Bfloat16 {
  __device__ __forceinline__ unsigned narrow(float x) const {
    const unsigned bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return bits >> 16 | 0x40u;  // not a number
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  }
  __device__ __forceinline__ float widen(unsigned h) const { return of_bits(h << 16); }
};

struct Float16 {
  float before, after;  // what numbers are multiplied by on either side of the conversion back

  __device__ __forceinline__ unsigned narrow(float x) const {
    const unsigned bits = bits_of(x * before), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return sign | 0x7e00u;   // not a number
    if (size >= 0x477ff000u) return sign | 0x7c00u;  // 65520 and more: infinite
    if (size < 0x38800000u) return sign | (bits_of(of_bits(size) + 0.5f) - 0x3f000000u);  // 0.5 counts in steps of 2^-24
    return sign | (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
  }
  __device__ __forceinline__ float widen(unsigned h) const {
    const unsigned sign = (h & 0x8000u) << 16, size = h & 0x7fffu;
    float value;
    if (size >= 0x7c00u) value = of_bits(size << 13 | 0x7f800000u);
    else if (size >= 0x400u) value = of_bits((size << 13) + 0x38000000u);
    else value = (float)(int)size * 5.9604644775390625e-8f;  // steps of 2^-24; CuPy's compiler options flush subnormals
    return of_bits(bits_of(value) | sign) * before * after;
  }
};

// The power of two that brings numbers of at most this size (its bits) below 2^to; 1 where it is not finite.
__device__ __forceinline__ int shift_of(unsigned largest, int to) {
  const int exponent = (int)(largest >> 23);
  return exponent == 255 ? 0 : max(min(to + 126 - exponent, 126), -126);
}
__device__ __forceinline__ float power_of_two(int exponent) { return of_bits((unsigned)(127 + exponent) << 23); }

template <class Form>
__device__ __forceinline__ void narrow_all(const float* x, unsigned short* y, long long size, Form form) {
  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
  for (long long i = first; i < size / 4; i += step) {
    const float4 v = reinterpret_cast<const float4*>(x)[i];
    reinterpret_cast<uint2*>(y)[i] =
        make_uint2(form.narrow(v.x) | form.narrow(v.y) << 16, form.narrow(v.z) | form.narrow(v.w) << 16);
  }
  const long long rest = size / 4 * 4 + first;
  if (rest < size) y[rest] = (unsigned short)form.narrow(x[rest]);
}

template <class Form>
__device__ __forceinline__ void widen_all(const unsigned short* x, float* y, long long size, Form form) {
  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
  for (long long i = first; i < size / 4; i += step) {
    const uint2 v = reinterpret_cast<const uint2*>(x)[i];
    reinterpret_cast<float4*>(y)[i] = make_float4(form.widen(v.x & 0xffffu), form.widen(v.x >> 16),
                                                  form.widen(v.y & 0xffffu), form.widen(v.y >> 16));
  }
  const long long rest = size / 4 * 4 + first;
  if (rest < size) y[rest] = form.widen(x[rest]);
}

extern "C" __global__ void __launch_bounds__(256)
to_bf16(const float* __restrict__ x, unsigned short* __restrict__ y, long long size) {
  narrow_all(x, y, size, Bfloat16());
}

extern "C" __global__ void __launch_bounds__(256)
from_bf16(const unsigned short* __restrict__ x, float* __restrict__ y, long long size) {
  widen_all(x, y, size, Bfloat16());
}

// The bits of the largest |x|; `largest` is 0 before.
extern "C" __global__ void __launch_bounds__(256)
find_largest(const float* __restrict__ x, unsigned* __restrict__ largest, long long size) {
  __shared__ unsigned found[256];
  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
  unsigned mine = 0;
  for (long long i = first; i < size / 4; i += step) {
    const float4 v = reinterpret_cast<const float4*>(x)[i];
    mine = max(max(mine, bits_of(v.x) & 0x7fffffffu), bits_of(v.y) & 0x7fffffffu);
    mine = max(max(mine, bits_of(v.z) & 0x7fffffffu), bits_of(v.w) & 0x7fffffffu);
  }
  const long long rest = size / 4 * 4 + first;
  if (rest < size) mine = max(mine, bits_of(x[rest]) & 0x7fffffffu);
  found[threadIdx.x] = mine;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if ((int)threadIdx.x < half) found[threadIdx.x] = max(found[threadIdx.x], found[threadIdx.x + half]);
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicMax(largest, found[0]);
}

// Numbers times a power of two, so that the largest lies below 2^to.
extern "C" __global__ void __launch_bounds__(256)
to_fp16(const float* __restrict__ x, const unsigned* __restrict__ largest, int to, unsigned short* __restrict__ y,
        long long size) {
  narrow_all(x, y, size, Float16{power_of_two(shift_of(*largest, to)), 1.0f});
}

// Products' sums, without the two factors' powers of two.
extern "C" __global__ void __launch_bounds__(256)
from_fp16(const unsigned short* __restrict__ x, const unsigned* __restrict__ largest_of_first,
          const unsigned* __restrict__ largest_of_second, int to, float* __restrict__ y, long long size) {
  widen_all(x, y, size, Float16{power_of_two(-shift_of(*largest_of_first, to)),
                                power_of_two(-shift_of(*largest_of_second, to))});
}
