// What needs a whole row at once: softmax, running sums, sorting.

// Softmax of each row of x [rows, length], or its logarithm. `lanes` = 32: a warp a row and 8 rows a block of 256;
// 256: a block a row.
extern "C" __global__ void softmax(const float* x, float* out, i64 rows, i64 length, i32 lanes, i32 logarithm) {
  __shared__ float partial[8];
  const i32 lane = threadIdx.x % lanes;
  const i32 warp = threadIdx.x / 32;
  const bool block = lanes == 256;
  const i64 perBlock = 256 / lanes;
  for (i64 start = (i64)blockIdx.x * perBlock; start < rows; start += (i64)gridDim.x * perBlock) {
    const i64 row = start + threadIdx.x / lanes;
    const bool present = row < rows;
    const float* from = x + row * length;
    float top = -INFINITY;
    if (present) {
      for (i64 j = lane; j < length; j += lanes) top = fmaxf(top, from[j]);
    }
    for (i32 mask = 16; mask > 0; mask >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, mask));
    if (block) {
      __syncthreads();
      if (threadIdx.x % 32 == 0) partial[warp] = top;
      __syncthreads();
      for (int k = 0; k < 8; k++) top = fmaxf(top, partial[k]);
    }
    float sum = 0.0f;
    if (present) {
      for (i64 j = lane; j < length; j += lanes) sum += expf(from[j] - top);
    }
    for (i32 mask = 16; mask > 0; mask >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (block) {
      __syncthreads();
      if (threadIdx.x % 32 == 0) partial[warp] = sum;
      __syncthreads();
      sum = 0.0f;
      for (int k = 0; k < 8; k++) sum += partial[k];
    }
    if (present) {
      float* to = out + row * length;
      const float scale = 1.0f / sum, shift = logf(sum);
      for (i64 j = lane; j < length; j += lanes) {
        const float relative = from[j] - top;
        to[j] = logarithm ? relative - shift : expf(relative) * scale;
      }
    }
  }
}

struct Plus {
  template <class T>
  static __device__ inline T of(T a, T b) { return a + b; }
};
struct Times {
  template <class T>
  static __device__ inline T of(T a, T b) { return a * b; }
};

// Running sums or products of each row of x [rows, length]; a block of 256 threads a row, 4 neighbours a thread.
// `reverse`: from the row's end; `exclusive`: without the element itself.
template <class Op, class T>
__device__ inline void scan(const T* x, T* out, i64 rows, i64 length, bool exclusive, bool reverse, T start, T* totals) {
  const i32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* from = x + row * length;
    T* to = out + row * length;
    T before = start;
    for (i64 begin = 0; begin < length; begin += 1024) {
      T in[4];
      T own = start;
      for (int k = 0; k < 4; k++) {
        const i64 j = begin + threadIdx.x * 4 + k;
        in[k] = j < length ? from[reverse ? length - 1 - j : j] : start;
        own = Op::of(own, in[k]);
      }
      T through = own;
      for (i32 distance = 1; distance < 32; distance <<= 1) {
        const T other = __shfl_up_sync(0xffffffffu, through, distance);
        if (lane >= distance) through = Op::of(other, through);
      }
      T running = __shfl_up_sync(0xffffffffu, through, 1);
      if (lane == 0) running = start;
      __syncthreads();
      if (lane == 31) totals[warp] = through;
      __syncthreads();
      T warps = before;
      for (int k = 0; k < 8; k++) {
        if (k == warp) running = Op::of(warps, running);
        warps = Op::of(warps, totals[k]);
      }
      for (int k = 0; k < 4; k++) {
        const i64 j = begin + threadIdx.x * 4 + k;
        const T with = Op::of(running, in[k]);
        if (j < length) to[reverse ? length - 1 - j : j] = exclusive ? running : with;
        running = with;
      }
      before = warps;
    }
  }
}
#define SCAN(ENTRY, OP, T, START)                                                                              \
  extern "C" __global__ void ENTRY(const T* x, T* out, i64 rows, i64 length, i32 exclusive, i32 reverse) {     \
    __shared__ T totals[8];                                                                                    \
    scan<OP, T>(x, out, rows, length, exclusive != 0, reverse != 0, (T)(START), totals);                       \
  }
SCAN(cumsum_float, Plus, float, 0)
SCAN(cumsum_int, Plus, i32, 0)
SCAN(cumprod_float, Times, float, 1)
SCAN(cumprod_int, Times, i32, 1)

// Sorting from the largest on. A key holds the value, mapped so that larger values give smaller numbers, above the
// column: of equal values the first comes first, and no two keys are equal.
__device__ inline u64 keyOf(u32 bits, i32 isFloat, u32 column) {
  const u32 ascending = isFloat && (bits >> 31) ? ~bits : bits ^ 0x80000000u;
  return ((u64)~ascending << 32) | column;
}
__device__ inline u32 valueOf(u64 key, i32 isFloat) {
  const u32 ascending = ~(u32)(key >> 32);
  return isFloat && !(ascending >> 31) ? ~ascending : ascending ^ 0x80000000u;
}

#define CHUNK 2048

// Puts the pair (low, low + stride) in order; `upwards` within the 2·size network the pair belongs to.
__device__ inline void order(u64* keys, i64 low, i64 stride, bool upwards) {
  const u64 a = keys[low], b = keys[low + stride];
  if ((a > b) == upwards) {
    keys[low] = b;
    keys[low + stride] = a;
  }
}

// The lower index of pair number `pair` at a distance of `stride`, a power of two.
__device__ inline i64 lowOf(i64 pair, i64 stride) { return (pair & ~(stride - 1)) * 2 + (pair & (stride - 1)); }

// Keys of x [rows, length], padded to `padded` (a power of two) a row, in `keys`.
extern "C" __global__ void sortKeys(const u32* x, u64* keys, i64 rows, i64 length, i64 padded, i32 isFloat) {
  for (i64 i = firstIndex(); i < rows * padded; i += indexStep()) {
    const i64 row = i / padded, column = i - row * padded;
    keys[i] = column < length ? keyOf(x[row * length + column], isFloat, (u32)column) : ~(u64)0;
  }
}

// Bitonic network over rows of `padded` keys, within chunks in shared memory: the sizes `first` … `last`, of each
// the strides below CHUNK. A block of 512 threads a chunk.
extern "C" __global__ void sortChunks(u64* keys, i64 count, i64 padded, i64 first, i64 last) {
  __shared__ u64 chunk[CHUNK];
  const i64 base = (i64)blockIdx.x * CHUNK;
  for (i32 k = threadIdx.x; k < CHUNK; k += 512) chunk[k] = base + k < count ? keys[base + k] : ~(u64)0;
  __syncthreads();
  for (i64 size = first; size <= last; size <<= 1) {
    for (i64 stride = size / 2 < CHUNK / 2 ? size / 2 : CHUNK / 2; stride > 0; stride >>= 1) {
      for (i32 pair = threadIdx.x; pair < CHUNK / 2; pair += 512) {
        const i64 low = lowOf(pair, stride);
        order(chunk, low, stride, size == padded || ((base + low) & size) == 0);
      }
      __syncthreads();
    }
  }
  for (i32 k = threadIdx.x; k < CHUNK; k += 512) {
    if (base + k < count) keys[base + k] = chunk[k];
  }
}

// One stride of CHUNK or more of the network's step `size`.
extern "C" __global__ void sortFar(u64* keys, i64 pairs, i64 padded, i64 size, i64 stride) {
  for (i64 pair = firstIndex(); pair < pairs; pair += indexStep()) {
    const i64 low = lowOf(pair, stride);
    order(keys, low, stride, size == padded || (low & size) == 0);
  }
}

// The first k of each row of sorted keys.
extern "C" __global__ void sortResults(const u64* keys, u32* values, i32* indices, i64 rows, i64 padded, i64 k,
                                       i32 isFloat) {
  for (i64 i = firstIndex(); i < rows * k; i += indexStep()) {
    const i64 row = i / k;
    const u64 key = keys[row * padded + (i - row * k)];
    values[i] = valueOf(key, isFloat);
    indices[i] = (i32)(u32)key;
  }
}
