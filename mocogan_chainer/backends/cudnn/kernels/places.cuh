// How a flat array is divided among threads: each takes four numbers, 1024 apart, of a block of 4096.
//
// They are those that one counter of the noise stream makes. Neighbouring threads have neighbouring numbers, and a
// thread asks for all four before it uses any.

constexpr int STEP = 1024;

template <class T> struct Four { T at[4]; };

// The thread's number, which is its counter; blocks have 256 threads or another divisor of 1024.
__device__ __forceinline__ unsigned long long own_counter() {
  return (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x;
}

// Where a counter's first number is.
__device__ __forceinline__ long long first_place(unsigned long long counter) {
  return (long long)(counter / STEP * (4 * STEP) + counter % STEP);
}

template <class T>
__device__ __forceinline__ Four<T> read(const T* __restrict__ x, long long first, long long size) {
  Four<T> values;
#pragma unroll
  for (int w = 0; w < 4; ++w) values.at[w] = first + w * STEP < size ? x[first + w * STEP] : T(0);
  return values;
}

template <class T>
__device__ __forceinline__ void write(T* __restrict__ y, long long first, long long size, const Four<T>& values) {
#pragma unroll
  for (int w = 0; w < 4; ++w)
    if (first + w * STEP < size) y[first + w * STEP] = values.at[w];
}
