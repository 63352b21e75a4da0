// What is done with many arrays at once: a block finds its chunk of 4096 numbers among all of theirs.

#define CHUNK 4096
#define TENSORS 80  // what a kernel takes at once; their addresses are among its arguments

struct AdamTensors {
  float* w[TENSORS];
  const float* g[TENSORS];
  float* m[TENSORS];
  float* v[TENSORS];
  long long size[TENSORS];
  int end[TENSORS];  // chunks of this array and those before it; from the last array on all are the same
};

struct AveragedTensors {
  float* average[TENSORS];
  const float* value[TENSORS];
  long long size[TENSORS];
  int end[TENSORS];
};

struct AddedTensors {
  const float* a[TENSORS];
  const float* b[TENSORS];
  float* sum[TENSORS];
  long long size[TENSORS];
  int end[TENSORS];
};

struct CheckedTensors {
  const float* x[TENSORS];
  long long size[TENSORS];
  int end[TENSORS];
};

// A block's chunk: numbers from `start` on of an array.
struct Chunk {
  int tensor, count;
  long long start;

  __device__ __forceinline__ Chunk(const int* end, const long long* size) {
    int low = 0, high = TENSORS - 1;
    while (low < high) {  // the first array that ends behind it
      const int middle = (low + high) / 2;
      if (end[middle] <= (int)blockIdx.x) low = middle + 1;
      else high = middle;
    }
    tensor = low;
    start = (long long)(blockIdx.x - (tensor ? end[tensor - 1] : 0)) * CHUNK;
    count = (int)min((long long)CHUNK, size[tensor] - start);
  }
};

struct Adam {
  float rate, rest1, rest2, eps, decay;

  __device__ __forceinline__ void update(float& w, float g, float& m, float& v) const {
    g += decay * w;
    m += rest1 * (g - m);
    v += rest2 * (g * g - v);
    w -= rate * m / (sqrtf(v) + eps);
  }
};

// rest1 and rest2 are 1 - beta1 and 1 - beta2; the rate is *rate_at where there is one.
extern "C" __global__ void __launch_bounds__(256)
adam(const AdamTensors tensors, const double* rate_at, double rate, float rest1, float rest2, float eps, float decay) {
  const Chunk chunk(tensors.end, tensors.size);
  float* w = tensors.w[chunk.tensor] + chunk.start;
  const float* g = tensors.g[chunk.tensor] + chunk.start;
  float* m = tensors.m[chunk.tensor] + chunk.start;
  float* v = tensors.v[chunk.tensor] + chunk.start;
  const Adam rule = {(float)(rate_at ? *rate_at : rate), rest1, rest2, eps, decay};
  const bool in_fours = (((size_t)w | (size_t)g | (size_t)m | (size_t)v) & 15) == 0;
  const int fours = in_fours ? chunk.count / 4 : 0;
  for (int i = threadIdx.x; i < fours; i += blockDim.x) {
    float4 w4 = ((float4*)w)[i], m4 = ((float4*)m)[i], v4 = ((float4*)v)[i];
    const float4 g4 = ((const float4*)g)[i];
    rule.update(w4.x, g4.x, m4.x, v4.x);
    rule.update(w4.y, g4.y, m4.y, v4.y);
    rule.update(w4.z, g4.z, m4.z, v4.z);
    rule.update(w4.w, g4.w, m4.w, v4.w);
    ((float4*)w)[i] = w4;
    ((float4*)m)[i] = m4;
    ((float4*)v)[i] = v4;
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += blockDim.x) rule.update(w[i], g[i], m[i], v[i]);
}

// average <- decay average + (1 - decay) value; the decay is *decay_at where there is one.
extern "C" __global__ void __launch_bounds__(256)
move_average(const AveragedTensors tensors, const double* decay_at, double decay) {
  const Chunk chunk(tensors.end, tensors.size);
  float* average = tensors.average[chunk.tensor] + chunk.start;
  const float* value = tensors.value[chunk.tensor] + chunk.start;
  const double stays = decay_at ? *decay_at : decay;
  const float kept = (float)stays, rest = (float)(1.0 - stays);
  const bool in_fours = (((size_t)average | (size_t)value) & 15) == 0;
  const int fours = in_fours ? chunk.count / 4 : 0;
  for (int i = threadIdx.x; i < fours; i += blockDim.x) {
    float4 a = ((float4*)average)[i];
    const float4 b = ((const float4*)value)[i];
    a.x = kept * a.x + rest * b.x;
    a.y = kept * a.y + rest * b.y;
    a.z = kept * a.z + rest * b.z;
    a.w = kept * a.w + rest * b.w;
    ((float4*)average)[i] = a;
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += blockDim.x) average[i] = kept * average[i] + rest * value[i];
}

// sum = a + b.
extern "C" __global__ void __launch_bounds__(256)
add(const AddedTensors tensors) {
  const Chunk chunk(tensors.end, tensors.size);
  const float* a = tensors.a[chunk.tensor] + chunk.start;
  const float* b = tensors.b[chunk.tensor] + chunk.start;
  float* sum = tensors.sum[chunk.tensor] + chunk.start;
  const int fours = (((size_t)a | (size_t)b | (size_t)sum) & 15) == 0 ? chunk.count / 4 : 0;
  for (int i = threadIdx.x; i < fours; i += blockDim.x) {
    const float4 a4 = ((const float4*)a)[i], b4 = ((const float4*)b)[i];
    ((float4*)sum)[i] = make_float4(a4.x + b4.x, a4.y + b4.y, a4.z + b4.z, a4.w + b4.w);
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += blockDim.x) sum[i] = a[i] + b[i];
}

__device__ __forceinline__ bool is_finite(float x) { return (__float_as_int(x) & 0x7f800000) != 0x7f800000; }

// since <- *step where an array holds what is not finite, and since is 0. Of an array of one number `value` is what it
// was then, and `last` what it was the time before.
extern "C" __global__ void __launch_bounds__(256)
note_non_finite(const CheckedTensors tensors, const long long* step, unsigned long long* since, float* value,
                float* last) {
  const Chunk chunk(tensors.end, tensors.size);
  const float* x = tensors.x[chunk.tensor] + chunk.start;
  if (tensors.size[chunk.tensor] == 1) {
    if (threadIdx.x > 0 || since[chunk.tensor] != 0) return;
    (is_finite(*x) ? last : value)[chunk.tensor] = *x;
    if (!is_finite(*x)) since[chunk.tensor] = *step;
    return;
  }
  bool finite = true;
  const int fours = ((size_t)x & 15) == 0 ? chunk.count / 4 : 0;
  for (int i = threadIdx.x; i < fours; i += blockDim.x) {
    const float4 x4 = ((const float4*)x)[i];
    finite &= is_finite(x4.x) & is_finite(x4.y) & is_finite(x4.z) & is_finite(x4.w);
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += blockDim.x) finite &= is_finite(x[i]);
  if (!finite) atomicCAS(since + chunk.tensor, 0ull, (unsigned long long)*step);
}

// count += 1; *rate = alpha sqrt(1 - beta2^count) / (1 - beta1^count).
extern "C" __global__ void adam_rate(long long* count, const double* alpha, double beta1, double beta2, double* rate) {
  const double n = (double)(*count += 1);
  *rate = *alpha * sqrt(1.0 - pow(beta2, n)) / (1.0 - pow(beta1, n));
}
