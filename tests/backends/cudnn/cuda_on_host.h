// CUDA's words for a host compiler: the threads of a block are fibers of one thread, blocks come one after another.
//
// A fiber runs until it waits for its block (__syncthreads) or its warp (shuffles, __syncwarp) or ends; then comes the
// next one, upwards or, where host_order is -1, downwards. A missing barrier shows in one of the two orders.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(host_shared)

struct dim3 { unsigned x, y, z; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

static dim3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;
static void* host_shared = nullptr;
extern "C" { int host_order = 1; }

template <class T> static inline T __ldg(const T* p) { return *p; }
template <class T> static inline T max(T a, T b) { return a > b ? a : b; }
template <class T> static inline T min(T a, T b) { return a < b ? a : b; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t(a) * b) >> 32); }
static inline float __int_as_float(int a) { float f; memcpy(&f, &a, 4); return f; }
static inline int __float_as_int(float a) { int i; memcpy(&i, &a, 4); return i; }
static inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float fdividef(float a, float b) { return a / b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline void sincospif(float a, float* s, float* c) { double r = a * 3.14159265358979323846; *s = (float)sin(r); *c = (float)cos(r); }
template <class T> static inline T atomicAdd(T* p, T v) { T old = *p; *p += v; return old; }
template <class T> static inline T atomicCAS(T* p, T was, T v) { T old = *p; if (old == was) *p = v; return old; }
template <class T> static inline T atomicMax(T* p, T v) { T old = *p; if (v > old) *p = v; return old; }
template <class T> static inline T atomicOr(T* p, T v) { T old = *p; *p |= v; return old; }
static inline void __threadfence() {}

enum HostState { HOST_READY, HOST_AT_BLOCK, HOST_AT_WARP, HOST_DONE };
struct HostFiber { ucontext_t context; jmp_buf place; bool begun; HostState state; std::vector<char> stack; };
static std::vector<HostFiber> host_fibers;
static jmp_buf host_scheduler;
static int host_now = 0;
static uint64_t host_lane[2][1024];
static unsigned host_turn[1024];
static void (*host_body)(void**);
static void** host_arguments;

static void host_wait(HostState state) {
  host_fibers[host_now].state = state;
  if (!_setjmp(host_fibers[host_now].place)) _longjmp(host_scheduler, 1);
}
static inline void __syncthreads() { host_wait(HOST_AT_BLOCK); }
static inline void __syncwarp(unsigned = 0xffffffffu) { host_wait(HOST_AT_WARP); }

template <class T> static T host_exchange(T value, int from) {
  static_assert(sizeof(T) <= 8, "");
  int me = host_now, first = me / 32 * 32, slot = host_turn[me]++ & 1;
  memcpy(&host_lane[slot][me], &value, sizeof(T));
  host_wait(HOST_AT_WARP);
  int other = first + from;
  if (from < 0 || from >= 32 || other >= (int)host_fibers.size()) other = me;
  T out;
  memcpy(&out, &host_lane[slot][other], sizeof(T));
  return out;
}
template <class T> static T __shfl_sync(unsigned, T v, int lane) { return host_exchange(v, lane & 31); }
template <class T> static T __shfl_xor_sync(unsigned, T v, int mask) { return host_exchange(v, (host_now & 31) ^ mask); }
template <class T> static T __shfl_down_sync(unsigned, T v, int by) { return host_exchange(v, (host_now & 31) + by); }
template <class T> static T __shfl_up_sync(unsigned, T v, int by) { return host_exchange(v, (host_now & 31) - by); }

static void host_enter() {
  host_body(host_arguments);
  host_fibers[host_now].state = HOST_DONE;
  _longjmp(host_scheduler, 1);
}
// Let a fiber run until it waits or ends: the first time by its context, later by a jump, which needs no system call.
static void host_resume(HostFiber& fiber) {
  if (_setjmp(host_scheduler)) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  setcontext(&fiber.context);
}
static void host_place(int thread) {
  host_now = thread;
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
}
static void host_release(int first, int last, HostState from) {
  for (int i = first; i < last; ++i)
    if (host_fibers[i].state == from) host_fibers[i].state = HOST_READY;
}

// Run one block; has_barriers says whether its threads may wait for each other.
static void host_block(int threads, bool has_barriers) {
  if (!has_barriers) {
    for (int k = 0; k < threads; ++k) { host_place(host_order > 0 ? k : threads - 1 - k); host_body(host_arguments); }
    return;
  }
  host_fibers.resize(threads);
  for (int i = 0; i < threads; ++i) {
    HostFiber& f = host_fibers[i];
    f.stack.resize(64 << 10);
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.data();
    f.context.uc_stack.ss_size = f.stack.size();
    f.context.uc_link = nullptr;
    makecontext(&f.context, host_enter, 0);
    f.state = HOST_READY;
    f.begun = false;
    host_turn[i] = 0;
  }
  for (;;) {
    bool ran = false;
    for (int k = 0; k < threads; ++k) {
      int i = host_order > 0 ? k : threads - 1 - k;
      if (host_fibers[i].state != HOST_READY) continue;
      ran = true;
      host_place(i);
      host_resume(host_fibers[i]);
    }
    int done = 0, at_block = 0;
    for (int first = 0; first < threads; first += 32) {
      int last = first + 32 < threads ? first + 32 : threads, at_warp = 0, warp_done = 0, warp_block = 0;
      for (int i = first; i < last; ++i) {
        at_warp += host_fibers[i].state == HOST_AT_WARP;
        warp_block += host_fibers[i].state == HOST_AT_BLOCK;
        warp_done += host_fibers[i].state == HOST_DONE;
      }
      if (at_warp && warp_block) { fprintf(stderr, "one warp waits at two barriers\n"); abort(); }
      if (at_warp) host_release(first, last, HOST_AT_WARP), ran = true;
      at_block += warp_block;
      done += warp_done;
    }
    if (done == threads) return;
    if (at_block && done) { fprintf(stderr, "threads ended before a barrier of their block\n"); abort(); }
    if (at_block == threads) host_release(0, threads, HOST_AT_BLOCK), ran = true;
    if (!ran) { fprintf(stderr, "threads wait for ever\n"); abort(); }
  }
}

static void host_run(void (*body)(void**), void** arguments, const unsigned* grid, const unsigned* block, size_t shared,
                     bool has_barriers) {
  host_body = body;
  host_arguments = arguments;
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  host_shared = aligned_alloc(64, (shared + 127) / 64 * 64);
  unsigned blocks = grid[0] * grid[1] * grid[2];
  for (unsigned b = 0; b < blocks; ++b) {
    unsigned n = host_order > 0 ? b : blocks - 1 - b;
    blockIdx = {n % grid[0], n / grid[0] % grid[1], n / (grid[0] * grid[1])};
    memset(host_shared, 0xff, shared);  // what nobody wrote is no number
    host_block(block[0] * block[1] * block[2], has_barriers);
  }
  free(host_shared);
}
