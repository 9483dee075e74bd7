// The search for a better grouping of columns, a round of disjoint pairs at a time (mathematics in method/regroup.ts).
// The same sums in the same order as ../../wasm/assembly/regroup.ts, so that the same swaps are made: float32 over the
// rows of a lane (every fourth) of up to CARRY rows, float64 over lanes and stretches. Nothing is multiplied, so
// nothing can be contracted.
//
// SIZE: columns of a group; LOST: how many of them each row loses, 1 to SIZE - 1; GAIN: what a swap must gain, float64.
// A place is where a column stands; group g has the places g * SIZE ... g * SIZE + SIZE - 1.

#define CARRY 256
#define LANES 4
// Loops over the members of a group: laid out in full where that keeps them in registers.
#define EACH (SIZE <= 16 ? SIZE + 1 : 1)

__device__ __forceinline__ double sumLanes(const float* lanes) {
  return (double)lanes[0] + (double)lanes[1] + ((double)lanes[2] + (double)lanes[3]);
}

// The sum of all stretches, LANES floats each.
__device__ __forceinline__ double sumStretches(const float* sums, int stretches, int apart) {
  double total = 0.0;
  for (int c = 0; c < stretches; c++) total += sumLanes(sums + (i64)c * apart);
  return total;
}

extern "C" __global__ void startOrder(int* order, int columns) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j < columns) order[j] = j;
}

// The group of a slot: without pairs (where the search begins) each group has one, else each side of a pair that
// swapped. -1: there is nothing to do.
__device__ __forceinline__ int groupOf(i64 slot, const int* pairs, const int* swapped) {
  if (!pairs) return (int)slot;
  return swapped[slot >> 1] ? pairs[slot] : -1;
}

// What a group loses, and what it would lose with one member out: sum(rest) + sum(min(next, newcomer)). One thread a
// lane of a stretch. sums: [slots][stretches][SIZE + 1][LANES], the last of SIZE + 1 what is lost now; next:
// [places][rows].
extern "C" __global__ void __launch_bounds__(256)
    groupSums(const float* __restrict__ shares, const int* __restrict__ order, const int* __restrict__ pairs,
              const int* __restrict__ swapped, i64 slots, int rows, int stretches, float* __restrict__ next,
              float* __restrict__ sums) {
  const i64 thread = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = (int)(thread % LANES);
  const i64 stretch = thread / LANES;
  const i64 slot = stretch / stretches;
  if (slot >= slots) return;
  const int group = groupOf(slot, pairs, swapped);
  if (group < 0) return;
  const i64 first = (i64)group * SIZE;
  const int from = (int)(stretch % stretches) * CARRY;
  const int to = min(from + CARRY, rows);
  const float* member[SIZE];
#pragma unroll EACH
  for (int k = 0; k < SIZE; k++) member[k] = shares + (i64)order[first + k] * rows;
  float own[SIZE + 1];
#pragma unroll EACH
  for (int k = 0; k <= SIZE; k++) own[k] = 0.0f;
  for (int r = from + lane; r < to; r += LANES) {
    float share[SIZE];
    float sorted[SIZE];
#pragma unroll EACH
    for (int k = 0; k < SIZE; k++) {
      float x = member[k][r];
      share[k] = x;
#pragma unroll EACH
      for (int m = 0; m < k; m++) {
        const float other = sorted[m];
        sorted[m] = other < x ? other : x;
        x = x < other ? other : x;
      }
      sorted[k] = x;
    }
    float below = 0.0f;
#pragma unroll EACH
    for (int k = 0; k < LOST - 1; k++) below += sorted[k];
    const float border = sorted[LOST - 1];
    const float above = sorted[LOST];
    own[SIZE] += below + border;
#pragma unroll EACH
    for (int k = 0; k < SIZE; k++) {
      const float x = share[k];
      // Without a member below the border, the ones above it move down by one.
      own[k] += below + (border - (border < x ? border : x));
      next[(first + k) * rows + r] = x <= border ? above : border;
    }
  }
  float* out = sums + stretch * (SIZE + 1) * LANES + lane;
#pragma unroll EACH
  for (int k = 0; k <= SIZE; k++) out[k * LANES] = own[k];
}

// One thread a sum of groupSums. base: [places]; now: [groups].
extern "C" __global__ void groupTotals(const float* __restrict__ sums, const int* __restrict__ pairs,
                                       const int* __restrict__ swapped, i64 slots, int stretches,
                                       double* __restrict__ base, double* __restrict__ now) {
  const i64 thread = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  const int k = (int)(thread % (SIZE + 1));
  const i64 slot = thread / (SIZE + 1);
  if (slot >= slots) return;
  const int group = groupOf(slot, pairs, swapped);
  if (group < 0) return;
  const int apart = (SIZE + 1) * LANES;
  const double total = sumStretches(sums + slot * stretches * apart + k * LANES, stretches, apart);
  if (k == SIZE) now[group] = total;
  else base[(i64)group * SIZE + k] = total;
}

// The sum over rows of min(next of place i of one group, the share at place j of the other). One thread a lane of a
// stretch; minima: [pairs][2 sides][i][j][stretches][LANES].
extern "C" __global__ void swapMinima(const float* __restrict__ shares, const int* __restrict__ order,
                                      const float* __restrict__ next, const int* __restrict__ pairs, i64 count,
                                      int rows, int stretches, float* __restrict__ minima) {
  const i64 thread = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = (int)(thread % LANES);
  const int j = (int)(thread / LANES % SIZE);
  const int i = (int)(thread / (LANES * SIZE) % SIZE);
  const i64 rest = thread / (LANES * SIZE * SIZE);
  const int stretch = (int)(rest % stretches);
  const i64 side = rest / stretches;
  if (side >= 2 * count) return;
  const i64 mine = (i64)pairs[side] * SIZE + i;
  const i64 theirs = (i64)order[(i64)pairs[side ^ 1] * SIZE + j];
  const float* free = next + mine * rows;
  const float* share = shares + theirs * rows;
  const int from = stretch * CARRY;
  const int to = min(from + CARRY, rows);
  float sum = 0.0f;
#pragma unroll 4
  for (int r = from + lane; r < to; r += LANES) {
    const float b = free[r];
    const float x = share[r];
    sum += x < b ? x : b;
  }
  minima[(((side * SIZE + i) * SIZE + j) * stretches + stretch) * LANES + lane] = sum;
}

#define JUDGES 64

// One block a pair: makes the best swap, of equal ones the first, if it gains more than GAIN.
extern "C" __global__ void __launch_bounds__(JUDGES)
    swapBest(const float* __restrict__ minima, const double* __restrict__ base, const double* __restrict__ now,
             const int* __restrict__ pairs, int stretches, int* __restrict__ order, int* __restrict__ swapped) {
  __shared__ double gains[JUDGES];
  __shared__ int places[JUDGES];
  const i64 pair = blockIdx.x;
  const i64 g = pairs[2 * pair];
  const i64 h = pairs[2 * pair + 1];
  const double before = now[g] + now[h];
  const int perSum = stretches * LANES;
  const float* mine = minima + 2 * pair * SIZE * SIZE * perSum;
  const float* theirs = mine + (i64)SIZE * SIZE * perSum;
  double best = GAIN;
  int at = -1;
  for (int place = threadIdx.x; place < SIZE * SIZE; place += JUDGES) {
    const int i = place / SIZE;
    const int j = place % SIZE;
    const double own = sumStretches(mine + (i64)place * perSum, stretches, LANES);
    const double other = sumStretches(theirs + (i64)(j * SIZE + i) * perSum, stretches, LANES);
    const double gain = before - (base[g * SIZE + i] + own + base[h * SIZE + j] + other);
    if (gain > best) {
      best = gain;
      at = place;
    }
  }
  gains[threadIdx.x] = best;
  places[threadIdx.x] = at;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int k = 1; k < JUDGES; k++) {
    if (places[k] < 0) continue;
    if (gains[k] > best || (gains[k] == best && (at < 0 || places[k] < at))) {
      best = gains[k];
      at = places[k];
    }
  }
  swapped[pair] = at >= 0;
  if (at < 0) return;
  int* a = order + g * SIZE + at / SIZE;
  int* b = order + h * SIZE + at % SIZE;
  const int moved = *a;
  *a = *b;
  *b = moved;
}
