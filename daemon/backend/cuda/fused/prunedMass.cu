// Pruned-mass objective (mathematics in ../../fused/prunedMass.ts). QUADS: how many quads of a row a thread holds.
// CHOICE: what is pruned — 1, 2 or 4: the `count` lowest of that many columns, which lie within a quad; 8: of a pair
// of quads; 0: of the row; -1: as `mask` says.

// ln θ between the highest pruned and the lowest kept.
__device__ __forceinline__ float borderOf(float low, float high) {
  return 0.5f * (fastLog(low + EMPTY_MASS) + fastLog(high + EMPTY_MASS));
}

__device__ __forceinline__ float softened(float s, float border, float sharpness) {
  return fastReciprocal(1.0f + fastExp((fastLog(s + EMPTY_MASS) - border) * sharpness));
}

// The scores of a quad x, and the weights of its columns.
__device__ __forceinline__ void scoreQuad(const float* x, const float* __restrict__ c, int q, int cols, float* factor,
                                          float* s) {
  loadQuad(c, q, cols, factor);
#pragma unroll
  for (int e = 0; e < 4; e++) s[e] = x[e] * x[e] * factor[e];
}

// What is pruned of a row, as far as it is known before its quads are looked at.
struct Choice {
  float sharpness;  // 1 / temperature, 0 for a hard mask
#if CHOICE > 0
  int count;
#elif CHOICE == 0
  u32 chosen[(QUADS + 7) / 8];  // the thread's own entries, four bits a quad
  float border;
#else
  const u8* mask;        // of this row
  const float* borders;  // ln θ of its groups, where softened
  int group;
  int cols;
#endif
};

// The mask of the scores s of quad q, the thread's k-th: 1 where pruned, or softened. All lanes of a warp come here.
#if CHOICE > 0
__device__ __forceinline__ void maskQuad(const Choice& choice, const float* s, int q, int, float* m) {
  const int count = choice.count;
  const float sharpness = choice.sharpness;
#if CHOICE == 8
  float other[4];
#pragma unroll
  for (int e = 0; e < 4; e++) other[e] = __shfl_xor_sync(FULL, s[e], 1);
  const bool second = q & 1;
#endif
  float low[4];
  float high[4];
#pragma unroll
  for (int e = 0; e < 4; e++) {
    low[e] = 0.0f;
    high[e] = INFINITE;
  }
  bool goes[4];
#pragma unroll
  for (int e = 0; e < 4; e++) {
    int rank = 0;
#pragma unroll
    for (int f = 0; f < 4; f++) {
      if (CHOICE < 4 && e / CHOICE != f / CHOICE) continue;
      if (f != e) rank += s[f] < s[e] || (s[f] == s[e] && f < e);
#if CHOICE == 8
      rank += other[f] < s[e] || (other[f] == s[e] && second);
#endif
    }
    goes[e] = rank < count;
    m[e] = goes[e] ? 1.0f : 0.0f;
  }
  if (sharpness == 0.0f) return;
#pragma unroll
  for (int e = 0; e < 4; e++) {
#pragma unroll
    for (int f = 0; f < 4; f++) {
      if (CHOICE < 4 && e / CHOICE != f / CHOICE) continue;
      if (goes[f]) low[e] = fmaxf(low[e], s[f]);
      else high[e] = fminf(high[e], s[f]);
    }
  }
#if CHOICE == 8
  const float otherLow = __shfl_xor_sync(FULL, low[0], 1);
  const float otherHigh = __shfl_xor_sync(FULL, high[0], 1);
  const float border = borderOf(fmaxf(low[0], otherLow), fminf(high[0], otherHigh));
#pragma unroll
  for (int e = 0; e < 4; e++) m[e] = softened(s[e], border, sharpness);
#else
  float border = 0.0f;
#pragma unroll
  for (int e = 0; e < 4; e++) {
    if (e % CHOICE == 0) border = borderOf(low[e], high[e]);
    m[e] = softened(s[e], border, sharpness);
  }
#endif
}
#elif CHOICE == 0
__device__ __forceinline__ void maskQuad(const Choice& choice, const float* s, int, int k, float* m) {
#pragma unroll
  for (int e = 0; e < 4; e++) {
    const float hard = (choice.chosen[k / 8] >> (4 * (k % 8) + e) & 1u) ? 1.0f : 0.0f;
    m[e] = choice.sharpness > 0.0f ? softened(s[e], choice.border, choice.sharpness) : hard;
  }
}
#else
__device__ __forceinline__ void maskQuad(const Choice& choice, const float* s, int q, int, float* m) {
#pragma unroll
  for (int e = 0; e < 4; e++) {
    const int j = 4 * q + e;
    if (j >= choice.cols) m[e] = 0.0f;
    else if (choice.sharpness > 0.0f) m[e] = softened(s[e], choice.borders[j / choice.group], choice.sharpness);
    else m[e] = choice.mask[j] ? 1.0f : 0.0f;
  }
}
#endif

// A row is read once and stays in registers; a block takes every gridDim.x-th row, so that a thread meets the same
// columns in all of them. sharpness: 1 / temperature, 0 for a hard mask. mask [rows, cols] and borders
// [rows, cols / group] (ln θ, where softened): only where CHOICE is -1. partialC [gridDim.x, cols].
extern "C" __global__ void __launch_bounds__(1024, 1)
    prunedMass(const float* __restrict__ w, const float* __restrict__ c, int rows, int cols, int count, int group,
               float sharpness, const u8* __restrict__ mask, const float* __restrict__ borders,
               float* __restrict__ gradW, float* __restrict__ partialC, float* __restrict__ losses) {
  __shared__ float partials[64];
#if CHOICE == 0
  __shared__ u32 histogram[BINS];
  __shared__ u32 totals[33];
  __shared__ Search search;
#endif
  float sumC[QUADS][4];
#pragma unroll
  for (int k = 0; k < QUADS; k++) {
#pragma unroll
    for (int e = 0; e < 4; e++) sumC[k][e] = 0.0f;
  }
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = w + (i64)row * cols;
    Choice choice;
    choice.sharpness = sharpness;
#if CHOICE > 0
    choice.count = count;
#elif CHOICE < 0
    choice.mask = mask + (i64)row * cols;
    choice.borders = borders + (i64)row * (cols / group);
    choice.group = group;
    choice.cols = cols;
#endif
    float x[QUADS][4];
#pragma unroll
    for (int k = 0; k < QUADS; k++) loadQuad(from, k * blockDim.x + threadIdx.x, cols, x[k]);

#if CHOICE == 0
    // The bits of the count-th lowest score of the row.
    if (threadIdx.x == 0) {
      search.prefix = 0;
      search.wanted = count;
      search.found = cols;
    }
    if (count > 0) {
      for (int digit = 0; digit < DIGITS; digit++) {
        for (int i = threadIdx.x; i < binsOf(digit); i += blockDim.x) histogram[i] = 0;
        __syncthreads();
        const u32 prefix = search.prefix;
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
          const int q = k * blockDim.x + threadIdx.x;
          float factor[4];
          float s[4];
          scoreQuad(x[k], c, q, cols, factor, s);
#pragma unroll
          for (int e = 0; e < 4; e++) {
            const u32 bits = orderOf(s[e]);
            if (4 * q + e < cols && inPrefix(bits, prefix, digit)) {
              atomicAdd(&histogram[digitOf(bits, digit)], 1u);
            }
          }
        }
        __syncthreads();
        if (threadIdx.x < 32) findDigit(histogram, digit, &search);
        __syncthreads();
      }
    } else {
      __syncthreads();
    }
    const u32 threshold = search.prefix;
    const bool tied = search.wanted < search.found;
    choice.border = 0.0f;
#pragma unroll
    for (int i = 0; i < (QUADS + 7) / 8; i++) choice.chosen[i] = 0;
    if (sharpness > 0.0f) {
      float lowestAbove = INFINITE;
#pragma unroll
      for (int k = 0; k < QUADS; k++) {
        const int q = k * blockDim.x + threadIdx.x;
        float factor[4];
        float s[4];
        scoreQuad(x[k], c, q, cols, factor, s);
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (4 * q + e < cols && orderOf(s[e]) > threshold) lowestAbove = fminf(lowestAbove, s[e]);
        }
      }
      lowestAbove = -blockMax(-lowestAbove, (float*)totals);
      const float low = __uint_as_float(threshold);
      choice.border = borderOf(low, tied ? low : lowestAbove);
    } else if (count > 0) {
      u32 room = search.wanted;
#pragma unroll
      for (int k = 0; k < QUADS; k++) {
        const int q = k * blockDim.x + threadIdx.x;
        float factor[4];
        float s[4];
        scoreQuad(x[k], c, q, cols, factor, s);
        u32 below = 0;
        u32 equal = 0;
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const u32 bits = orderOf(s[e]);
          const bool inside = 4 * q + e < cols;
          if (inside && bits < threshold) below |= 1u << e;
          if (inside && bits == threshold) equal |= 1u << e;
        }
        if (tied) {
          // Of equal ones the left go; quads of all threads stand side by side.
          u32 all;
          u32 before = countBefore(__popc(equal), totals, &all);
#pragma unroll
          for (int e = 0; e < 4; e++) {
            if (equal >> e & 1u) {
              if (before < room) below |= 1u << e;
              before++;
            }
          }
          room = room > all ? room - all : 0;
        } else {
          below |= equal;
        }
        choice.chosen[k / 8] |= below << (4 * (k % 8));
      }
    }
#endif

    float sum = 0.0f;
    float lost = 0.0f;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
      const int q = k * blockDim.x + threadIdx.x;
      float factor[4];
      float s[4];
      float m[4];
      scoreQuad(x[k], c, q, cols, factor, s);
      maskQuad(choice, s, q, k, m);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        sum += s[e];
        lost += m[e] * s[e];
      }
    }
    sum = blockSum(sum, partials);
    lost = blockSum(lost, partials + 32);
    const float scale = sum > EMPTY_MASS ? 1.0f / sum : 0.0f;
    const float share = lost * scale;
    if (threadIdx.x == 0) losses[row] = share;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
      const int q = k * blockDim.x + threadIdx.x;
      float factor[4];
      float s[4];
      float m[4];
      float grad[4];
      scoreQuad(x[k], c, q, cols, factor, s);
      maskQuad(choice, s, q, k, m);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float gradS = (m[e] - share) * scale;
        grad[e] = 2.0f * x[k][e] * factor[e] * gradS;
        sumC[k][e] += x[k][e] * x[k][e] * gradS;
      }
      storeQuad(gradW + (i64)row * cols, q, cols, grad);
    }
  }
#pragma unroll
  for (int k = 0; k < QUADS; k++) {
    storeQuad(partialC + (i64)blockIdx.x * cols, k * blockDim.x + threadIdx.x, cols, sumC[k]);
  }
}
