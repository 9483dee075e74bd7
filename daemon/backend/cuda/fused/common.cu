// What several fused kernels share: sums over a block whose order never changes, rows in quads, entries counted by
// digits. A block has whole warps, at most 32.

#define FULL 0xffffffffu
// Rows, columns and groups lighter than this count as empty (fused/dispatch.ts).
#define EMPTY_MASS 1e-30f
#define INFINITE __uint_as_float(0x7f800000u)

// The units for special functions, good to about 3e-7 absolutely: where thousands are summed or the argument is a
// soft decision's. Equal arguments give equal results.
#ifdef EMULATED
#define fastLog logf
#define fastExp expf
#define fastReciprocal(x) (1.0f / (x))
#else
#define fastLog __logf
#define fastExp __expf
#define fastReciprocal(x) __fdividef(1.0f, x)
#endif

__device__ __forceinline__ float warpSum(float x) {
#pragma unroll
  for (int other = 16; other > 0; other >>= 1) x += __shfl_xor_sync(FULL, x, other);
  return x;
}

__device__ __forceinline__ float warpMax(float x) {
#pragma unroll
  for (int other = 16; other > 0; other >>= 1) x = fmaxf(x, __shfl_xor_sync(FULL, x, other));
  return x;
}

// Sum over the block, known to every thread. Callers alternate between two areas of 32 floats: then one barrier is
// enough, since the next but one call cannot begin before all have read this one's.
__device__ __forceinline__ float blockSum(float x, float* partials) {
  const int lane = threadIdx.x & 31;
  x = warpSum(x);
  if (lane == 0) partials[threadIdx.x >> 5] = x;
  __syncthreads();
  return warpSum(lane < (int)(blockDim.x >> 5) ? partials[lane] : 0.0f);
}

__device__ __forceinline__ float blockMax(float x, float* partials) {
  const int lane = threadIdx.x & 31;
  x = warpMax(x);
  if (lane == 0) partials[threadIdx.x >> 5] = x;
  __syncthreads();
  return warpMax(lane < (int)(blockDim.x >> 5) ? partials[lane] : -INFINITE);
}

// Columns 4q … 4q + 3 of a row, 0 past its end. Rows of a multiple of 4 columns are aligned.
__device__ __forceinline__ void loadQuad(const float* row, int q, int cols, float* to) {
  const int j = q << 2;
  if ((cols & 3) == 0) {
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (j < cols) v = *(const float4*)(row + j);
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
  } else {
#pragma unroll
    for (int e = 0; e < 4; e++) to[e] = j + e < cols ? row[j + e] : 0.0f;
  }
}

__device__ __forceinline__ void storeQuad(float* row, int q, int cols, const float* from) {
  const int j = q << 2;
  if ((cols & 3) == 0) {
    if (j < cols) *(float4*)(row + j) = make_float4(from[0], from[1], from[2], from[3]);
  } else {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      if (j + e < cols) row[j + e] = from[e];
    }
  }
}

// Scores are not negative: their bits order like the numbers, and −0 is 0.
__device__ __forceinline__ u32 orderOf(float score) { return __float_as_uint(score) & 0x7fffffffu; }

// A search for the wanted-th lowest by digits of 11, 10 and 10 bits.
#define DIGITS 3
#define BINS 2048
__device__ __forceinline__ int shiftOf(int digit) { return digit == 0 ? 20 : digit == 1 ? 10 : 0; }
__device__ __forceinline__ int binsOf(int digit) { return digit == 0 ? 2048 : 1024; }
// Whether `bits` share the digits found so far.
__device__ __forceinline__ bool inPrefix(u32 bits, u32 prefix, int digit) {
  return digit == 0 || (bits >> (shiftOf(digit) + 10)) == (prefix >> (shiftOf(digit) + 10));
}
__device__ __forceinline__ u32 digitOf(u32 bits, int digit) {
  return (bits >> shiftOf(digit)) & (u32)(binsOf(digit) - 1);
}

struct Search {
  u32 prefix;  // the digits found; in the end the bits of the wanted entry
  u32 wanted;  // its place among those that share the prefix, from 1
  u32 found;   // how many share the prefix
};

// One warp: the next digit from the histogram of those that share the prefix.
__device__ __forceinline__ void findDigit(const u32* histogram, int digit, Search* search) {
  const int lane = threadIdx.x & 31;
  const int each = binsOf(digit) >> 5;
  u32 own = 0;
  // Lanes start at different places, so that they do not all ask the same bank of memory.
  for (int i = 0; i < each; i++) own += histogram[lane * each + ((i + lane) & (each - 1))];
  u32 upTo = own;
#pragma unroll
  for (int by = 1; by < 32; by <<= 1) {
    const u32 left = __shfl_up_sync(FULL, upTo, by);
    if (lane >= by) upTo += left;
  }
  u32 wanted = search->wanted;
  const int segment = __ffs((int)__ballot_sync(FULL, upTo >= wanted)) - 1;
  wanted -= __shfl_sync(FULL, upTo - own, segment);
  for (int base = segment * each; base < (segment + 1) * each; base += 32) {
    const u32 here = histogram[base + lane];
    upTo = here;
#pragma unroll
    for (int by = 1; by < 32; by <<= 1) {
      const u32 left = __shfl_up_sync(FULL, upTo, by);
      if (lane >= by) upTo += left;
    }
    const u32 reached = __ballot_sync(FULL, upTo >= wanted);
    if (reached != 0) {
      if (lane == __ffs((int)reached) - 1) {
        search->prefix |= (u32)(base + lane) << shiftOf(digit);
        search->wanted = wanted - (upTo - here);
        search->found = here;
      }
      break;
    }
    wanted -= __shfl_sync(FULL, upTo, 31);
  }
  __syncwarp();
}

// How many the threads before this one hold, and the block's total; `totals` holds 33. Ends with a barrier.
__device__ __forceinline__ u32 countBefore(u32 own, u32* totals, u32* total) {
  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x >> 5;
  u32 upTo = own;
#pragma unroll
  for (int by = 1; by < 32; by <<= 1) {
    const u32 left = __shfl_up_sync(FULL, upTo, by);
    if (lane >= by) upTo += left;
  }
  if (lane == 31) totals[warp] = upTo;
  __syncthreads();
  u32 before = upTo - own;
  u32 all = 0;
  for (int i = 0; i < (int)(blockDim.x >> 5); i++) {
    if (i < warp) before += totals[i];
    all += totals[i];
  }
  *total = all;
  __syncthreads();
  return before;
}
