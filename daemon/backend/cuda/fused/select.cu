// Masks with an exact count (rules in ../../fused/selectLowest.ts): groups by rank, rows by digits, and rows that are
// too long for one block (whole matrices) by digits over the whole grid.

// One thread a group. With c, the scores are w² c. border (where not null): ln θ of the group.
extern "C" __global__ void lowestOfGroups(const float* __restrict__ scores, const float* __restrict__ c, i64 groups,
                                          int perRow, int group, int count, u8* __restrict__ mask,
                                          float* __restrict__ border) {
  const i64 g = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (g >= groups) return;
  const float* own = scores + g * group;
  const float* factor = c ? c + (int)(g % perRow) * group : 0;
  float low = 0.0f;
  float high = INFINITE;
  for (int e = 0; e < group; e++) {
    const float s = factor ? own[e] * own[e] * factor[e] : own[e];
    int rank = 0;
    for (int f = 0; f < group; f++) {
      const float other = factor ? own[f] * own[f] * factor[f] : own[f];
      rank += other < s || (other == s && f < e);
    }
    if (rank < count) low = fmaxf(low, s);
    else high = fminf(high, s);
    mask[g * group + e] = rank < count;
  }
  if (border) border[g] = 0.5f * (fastLog(low + EMPTY_MASS) + fastLog(high + EMPTY_MASS));
}

// One block a row; 0 < count < cols.
extern "C" __global__ void __launch_bounds__(1024)
    lowestOfRows(const float* __restrict__ scores, int cols, int count, u8* __restrict__ mask) {
  __shared__ u32 histogram[BINS];
  __shared__ u32 totals[33];
  __shared__ Search search;
  const float* row = scores + (i64)blockIdx.x * cols;
  u8* to = mask + (i64)blockIdx.x * cols;
  if (threadIdx.x == 0) {
    search.prefix = 0;
    search.wanted = count;
    search.found = cols;
  }
  for (int digit = 0; digit < DIGITS; digit++) {
    for (int i = threadIdx.x; i < binsOf(digit); i += blockDim.x) histogram[i] = 0;
    __syncthreads();
    const u32 prefix = search.prefix;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) {
      const u32 bits = orderOf(row[j]);
      if (inPrefix(bits, prefix, digit)) atomicAdd(&histogram[digitOf(bits, digit)], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) findDigit(histogram, digit, &search);
    __syncthreads();
  }
  const u32 threshold = search.prefix;
  if (search.wanted == search.found) {
    for (int j = threadIdx.x; j < cols; j += blockDim.x) to[j] = orderOf(row[j]) <= threshold;
    return;
  }
  u32 room = search.wanted;
  for (int start = 0; start < cols; start += blockDim.x) {
    const int j = start + threadIdx.x;
    const u32 bits = j < cols ? orderOf(row[j]) : FULL;
    u32 all;
    const u32 before = countBefore(bits == threshold, totals, &all);
    if (j < cols) to[j] = bits < threshold || (bits == threshold && before < room);
    room = room > all ? room - all : 0;
  }
}

// A long row, block after block of `perBlock` entries (below 2³¹ together). histogram [BINS] is zeroed between the
// digits by pickDigit; search starts as {0, wanted, count of all}.
extern "C" __global__ void __launch_bounds__(1024)
    countDigits(const float* __restrict__ scores, i64 count, i64 perBlock, int digit,
                const Search* __restrict__ search, u32* __restrict__ histogram) {
  __shared__ u32 own[BINS];
  for (int i = threadIdx.x; i < BINS; i += blockDim.x) own[i] = 0;
  __syncthreads();
  const i64 start = blockIdx.x * perBlock;
  const i64 end = start + perBlock < count ? start + perBlock : count;
  const u32 prefix = search->prefix;
  for (i64 j = start + threadIdx.x; j < end; j += blockDim.x) {
    const u32 bits = orderOf(scores[j]);
    if (inPrefix(bits, prefix, digit)) atomicAdd(&own[digitOf(bits, digit)], 1u);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < binsOf(digit); i += blockDim.x) {
    if (own[i] > 0) atomicAdd(&histogram[i], own[i]);
  }
}

// One warp.
extern "C" __global__ void startSearch(Search* search, u32 wanted, u32* histogram) {
  for (int i = threadIdx.x; i < BINS; i += 32) histogram[i] = 0;
  if (threadIdx.x == 0) {
    search->prefix = 0;
    search->wanted = wanted;
    search->found = 0;
  }
}

// One warp.
extern "C" __global__ void pickDigit(u32* histogram, int digit, Search* search) {
  findDigit(histogram, digit, search);
  for (int i = threadIdx.x; i < BINS; i += 32) histogram[i] = 0;
}

// How many of each block's entries are equal to the threshold.
extern "C" __global__ void __launch_bounds__(1024)
    countEqual(const float* __restrict__ scores, i64 count, i64 perBlock, const Search* __restrict__ search,
               u32* __restrict__ equal) {
  __shared__ u32 total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  const i64 start = blockIdx.x * perBlock;
  const i64 end = start + perBlock < count ? start + perBlock : count;
  const u32 threshold = search->prefix;
  u32 own = 0;
  for (i64 j = start + threadIdx.x; j < end; j += blockDim.x) own += orderOf(scores[j]) == threshold;
  if (own > 0) atomicAdd(&total, own);
  __syncthreads();
  if (threadIdx.x == 0) equal[blockIdx.x] = total;
}

// One block: each block's count becomes the sum of those before it.
extern "C" __global__ void __launch_bounds__(1024) sumBefore(u32* equal, int blocks) {
  __shared__ u32 totals[33];
  u32 carried = 0;
  for (int start = 0; start < blocks; start += blockDim.x) {
    const int i = start + threadIdx.x;
    u32 all;
    const u32 before = countBefore(i < blocks ? equal[i] : 0, totals, &all);
    if (i < blocks) equal[i] = carried + before;
    carried += all;
  }
}

extern "C" __global__ void __launch_bounds__(1024)
    markLowest(const float* __restrict__ scores, i64 count, i64 perBlock, const Search* __restrict__ search,
               const u32* __restrict__ equal, u8* __restrict__ mask) {
  __shared__ u32 totals[33];
  const i64 start = blockIdx.x * perBlock;
  const i64 end = start + perBlock < count ? start + perBlock : count;
  const u32 threshold = search->prefix;
  if (search->wanted == search->found) {
    for (i64 j = start + threadIdx.x; j < end; j += blockDim.x) mask[j] = orderOf(scores[j]) <= threshold;
    return;
  }
  const u32 wanted = search->wanted;
  u32 before = equal[blockIdx.x];
  for (i64 from = start; from < end; from += blockDim.x) {
    const i64 j = from + threadIdx.x;
    const u32 bits = j < end ? orderOf(scores[j]) : FULL;
    u32 all;
    const u32 place = before + countBefore(bits == threshold, totals, &all);
    if (j < end) mask[j] = bits < threshold || (bits == threshold && place < wanted);
    before += all;
  }
}
