// Clips out of frames: bytes to numbers in [-1, 1].

// The way of mocogan_chainer.functions.to_float, rounding by rounding: two operations, never one fused.
__device__ __forceinline__ float to_float(unsigned byte) {
  return __fadd_rn(__fmul_rn((float)byte, (float)(1 / 127.5)), -1.0f);
}

// The byte of a mirrored frame that stands at place i.
__device__ __forceinline__ int mirror(int i, int row) {
  const int along = i % row, channel = along % 3;
  return i - along + (row - 3 - (along - channel)) + channel;
}

// Frames (F, H, W, 3) to clips (N, T, H, W, 3): frame t of clip n is number first[n] + t step[n]. A block of 256
// threads makes 1024 neighbours of frame blockIdx.y of clip blockIdx.z.
extern "C" __global__ void __launch_bounds__(256)
gather(const unsigned char* __restrict__ frames, const long long* first, const int* step, const unsigned char* mirrored,
       float* __restrict__ y, int T, int H, int W) {
  const int size = 3 * H * W, row = 3 * W, t = blockIdx.y, n = blockIdx.z;
  const unsigned char* frame = frames + (first[n] + (long long)step[n] * t) * size;
  float* to = y + ((long long)n * T + t) * size;
  const bool flipped = mirrored[n];
  const int start = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (start >= size) return;
  if (size % 4 == 0 && ((size_t)frames & 3) == 0 && ((size_t)y & 15) == 0) {
    unsigned b0, b1, b2, b3;
    if (flipped) {
      b0 = frame[mirror(start, row)], b1 = frame[mirror(start + 1, row)];
      b2 = frame[mirror(start + 2, row)], b3 = frame[mirror(start + 3, row)];
    } else {
      const unsigned word = *(const unsigned*)(frame + start);  // little-endian
      b0 = word & 255, b1 = word >> 8 & 255, b2 = word >> 16 & 255, b3 = word >> 24;
    }
    *(float4*)(to + start) = make_float4(to_float(b0), to_float(b1), to_float(b2), to_float(b3));
    return;
  }
  for (int i = start; i < min(start + 4, size); ++i) to[i] = to_float(frame[flipped ? mirror(i, row) : i]);
}
