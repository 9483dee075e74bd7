// Sums, extremes and products over one axis of [outer, length, inner].

// A sum with the rounding error of each addition carried along (Kahan): as good as a float64 sum rounded.
struct Sum_float {
  typedef float In;
  typedef float Out;
  float sum, error;
  __device__ inline Sum_float() : sum(0.0f), error(0.0f) {}
  __device__ inline void add(float x) {
    const float y = x - error;
    const float next = sum + y;
    const float lost = (next - sum) - y;
    // Beyond the largest float the difference is no number, and the infinity would be lost.
    error = fabsf(next) < INFINITY ? lost : 0.0f;
    sum = next;
  }
  __device__ inline void merge(const Sum_float& other) {
    add(other.sum);
    add(-other.error);
  }
  __device__ inline Sum_float neighbour(i32 mask) const {
    Sum_float other;
    other.sum = __shfl_xor_sync(0xffffffffu, sum, mask);
    other.error = __shfl_xor_sync(0xffffffffu, error, mask);
    return other;
  }
  __device__ inline float result(float scale) const { return (sum - error) * scale; }
};

#define PLAIN_REDUCTION(NAME, T, START, COMBINED)                                       \
  struct NAME {                                                                         \
    typedef T In;                                                                       \
    typedef T Out;                                                                      \
    T value;                                                                            \
    __device__ inline NAME() : value(START) {}                                          \
    __device__ inline void add(T x) {                                                   \
      const T a = value;                                                                \
      value = (T)(COMBINED);                                                            \
    }                                                                                   \
    __device__ inline void merge(const NAME& other) { add(other.value); }               \
    __device__ inline NAME neighbour(i32 mask) const {                                  \
      NAME other;                                                                       \
      other.value = (T)__shfl_xor_sync(0xffffffffu, value, mask);                       \
      return other;                                                                     \
    }                                                                                   \
    __device__ inline T result(float) const { return value; }                           \
  };
PLAIN_REDUCTION(Sum_int, i32, 0, a + x)
PLAIN_REDUCTION(Prod_float, float, 1.0f, a* x)
PLAIN_REDUCTION(Prod_int, i32, 1, a* x)
// Not-a-number wins, as in JavaScript.
PLAIN_REDUCTION(Max_float, float, -INFINITY, a > x || a != a ? a : x)
PLAIN_REDUCTION(Min_float, float, INFINITY, a < x || a != a ? a : x)
PLAIN_REDUCTION(Max_int, i32, (i32)0x80000000, a > x ? a : x)
PLAIN_REDUCTION(Min_int, i32, (i32)0x7fffffff, a < x ? a : x)

// A byte's shuffle goes through an int.
#define LOGICAL_REDUCTION(NAME, START, COMBINED)                                        \
  struct NAME {                                                                         \
    typedef u8 In;                                                                      \
    typedef u8 Out;                                                                     \
    i32 value;                                                                          \
    __device__ inline NAME() : value(START) {}                                          \
    __device__ inline void add(u8 b) {                                                  \
      const i32 a = value;                                                              \
      const i32 x = b != 0;                                                             \
      value = COMBINED;                                                                 \
    }                                                                                   \
    __device__ inline void merge(const NAME& other) { add((u8)other.value); }           \
    __device__ inline NAME neighbour(i32 mask) const {                                  \
      NAME other;                                                                       \
      other.value = __shfl_xor_sync(0xffffffffu, value, mask);                          \
      return other;                                                                     \
    }                                                                                   \
    __device__ inline u8 result(float) const { return (u8)value; }                      \
  };
LOGICAL_REDUCTION(All_bool, 1, a& x)
LOGICAL_REDUCTION(Any_bool, 0, a | x)

// Rows of x [rows, length] → out [rows]; `lanes` (a power of two, at most 32) threads a row, blocks of 256.
template <class R>
__device__ inline void reduceShortRows(const typename R::In* x, typename R::Out* out, i64 rows, i64 length,
                                       i32 lanes, float scale) {
  const i32 perBlock = 256 / lanes;
  const i32 lane = threadIdx.x % lanes;
  const i64 first = (i64)blockIdx.x * perBlock;
  const i64 step = (i64)gridDim.x * perBlock;
  // All threads go around equally often: the shuffle wants every one of them.
  for (i64 start = first; start < rows; start += step) {
    const i64 row = start + threadIdx.x / lanes;
    R all;
    if (row < rows) {
      for (i64 j = lane; j < length; j += lanes) all.add(x[row * length + j]);
    }
    for (i32 mask = lanes >> 1; mask > 0; mask >>= 1) all.merge(all.neighbour(mask));
    if (row < rows && lane == 0) out[row] = all.result(scale);
  }
}

// Chunk c of row r of x [rows, length] → out [rows, chunks]; a block of 256 threads a chunk of `part` elements.
template <class R>
__device__ inline void reduceLongRows(const typename R::In* x, typename R::Out* out, i64 length, i64 part,
                                      float scale, R* partial) {
  typedef typename R::In T;
  const i64 row = blockIdx.x;
  const i64 begin = (i64)blockIdx.y * part;
  const i64 end = begin + part < length ? begin + part : length;
  const T* from = x + row * length;
  R all;
  if (length % 4 == 0 && part % 4 == 0) {
    const Four<T>* fours = (const Four<T>*)from;
    for (i64 j = begin / 4 + threadIdx.x; j < end / 4; j += 256) {
      const Four<T> in = fours[j];
#pragma unroll
      for (int k = 0; k < 4; k++) all.add(in.at[k]);
    }
  } else {
    for (i64 j = begin + threadIdx.x; j < end; j += 256) all.add(from[j]);
  }
  for (i32 mask = 16; mask > 0; mask >>= 1) all.merge(all.neighbour(mask));
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = all;
  __syncthreads();
  if (threadIdx.x == 0) {
    R whole = partial[0];
    for (int k = 1; k < 8; k++) whole.merge(partial[k]);
    out[row * gridDim.y + blockIdx.y] = whole.result(scale);
  }
}

// Columns of x [outer, length, inner] → out [outer, chunks, inner]; a block of 32 columns × 8 lanes.
template <class R>
__device__ inline void reduceColumns(const typename R::In* x, typename R::Out* out, i64 length, i64 inner, i64 part,
                                     i64 tiles, float scale, R (*partial)[33]) {
  const i64 block = blockIdx.x / tiles;
  const i64 column = (blockIdx.x - block * tiles) * 32 + threadIdx.x;
  const i64 begin = (i64)blockIdx.y * part;
  const i64 end = begin + part < length ? begin + part : length;
  R all;
  if (column < inner) {
    const typename R::In* from = x + block * length * inner + column;
#pragma unroll 4
    for (i64 j = begin + threadIdx.y; j < end; j += 8) all.add(from[j * inner]);
  }
  partial[threadIdx.y][threadIdx.x] = all;
  __syncthreads();
  if (threadIdx.y == 0 && column < inner) {
    for (int k = 1; k < 8; k++) all.merge(partial[k][threadIdx.x]);
    out[(block * gridDim.y + blockIdx.y) * inner + column] = all.result(scale);
  }
}

// Shared memory of a type with a constructor is declared as bytes.
#define REDUCTION(NAME)                                                                                        \
  extern "C" __global__ void NAME##_short(const NAME::In* x, NAME::Out* out, i64 rows, i64 length, i32 lanes,  \
                                          float scale) {                                                      \
    reduceShortRows<NAME>(x, out, rows, length, lanes, scale);                                                 \
  }                                                                                                            \
  extern "C" __global__ void NAME##_long(const NAME::In* x, NAME::Out* out, i64 length, i64 part,              \
                                         float scale) {                                                       \
    __shared__ u64 partial[(8 * sizeof(NAME) + 7) / 8];                                                        \
    reduceLongRows<NAME>(x, out, length, part, scale, (NAME*)partial);                                         \
  }                                                                                                            \
  extern "C" __global__ void NAME##_columns(const NAME::In* x, NAME::Out* out, i64 length, i64 inner,          \
                                            i64 part, i64 tiles, float scale) {                               \
    __shared__ u64 partial[(8 * 33 * sizeof(NAME) + 7) / 8];                                                   \
    reduceColumns<NAME>(x, out, length, inner, part, tiles, scale, (NAME(*)[33])partial);                      \
  }
