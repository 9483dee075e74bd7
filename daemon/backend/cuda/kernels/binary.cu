// out = Op(a, b) elementwise. Flat: both dense over the same n elements, or one value for all (step 0).
template <class Op, class T, class R>
__device__ inline void binaryFlat(const T* a, const T* b, R* out, i64 n, i32 stepA, i32 stepB) {
  const T firstA = a[0], firstB = b[0];
  const i64 fours = n >> 2;
  for (i64 i = firstIndex(); i < fours; i += indexStep()) {
    const Four<T> x = stepA ? ((const Four<T>*)a)[i] : splat(firstA);
    const Four<T> y = stepB ? ((const Four<T>*)b)[i] : splat(firstB);
    Four<R> result;
#pragma unroll
    for (int k = 0; k < 4; k++) result.at[k] = (R)Op::apply(x.at[k], y.at[k]);
    ((Four<R>*)out)[i] = result;
  }
  const i64 rest = 4 * fours + firstIndex();
  if (rest < n) {
    out[rest] = (R)Op::apply(stepA ? a[rest] : firstA, stepB ? b[rest] : firstB);
  }
}

// Broadcasting: `count` groups of W neighbours over the last `rank` of four extents (the innermost counted in
// groups); strides in elements, 0 where an operand repeats; stepA and stepB within a group, 0 or 1.
template <class Op, class T, class R, int W>
__device__ inline void binaryStrided(const T* a, const T* b, R* out, u32 count, i32 rank, i32 stepA, i32 stepB,
                                     u32 d1, u32 d2, u32 d3, i64 a0, i64 a1, i64 a2, i64 a3, i64 b0, i64 b1,
                                     i64 b2, i64 b3) {
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    u32 rest = i / d3;
    u32 along = i - rest * d3;
    i64 atA = along * a3, atB = along * b3;
    if (rank > 2) {
      along = rest;
      rest /= d2;
      along -= rest * d2;
      atA += along * a2;
      atB += along * b2;
      if (rank > 3) {
        along = rest;
        rest /= d1;
        along -= rest * d1;
        atA += along * a1;
        atB += along * b1;
      }
    }
    // What is left counts along the outermost extent, whose strides always stand first.
    const Four<T> x = Lanes<T, W>::load(a, atA + rest * a0, stepA);
    const Four<T> y = Lanes<T, W>::load(b, atB + rest * b0, stepB);
    Four<R> result;
#pragma unroll
    for (int k = 0; k < W; k++) result.at[k] = (R)Op::apply(x.at[k], y.at[k]);
    Lanes<R, W>::store(out, (i64)i * W, result);
  }
}

#define BINARY_STRIDED(ENTRY, OP, T, R, W)                                                                     \
  extern "C" __global__ void ENTRY(const T* a, const T* b, R* out, u32 count, i32 rank, i32 stepA, i32 stepB,  \
                                   u32 d1, u32 d2, u32 d3, i64 a0, i64 a1, i64 a2, i64 a3, i64 b0, i64 b1,     \
                                   i64 b2, i64 b3) {                                                           \
    binaryStrided<OP, T, R, W>(a, b, out, count, rank, stepA, stepB, d1, d2, d3, a0, a1, a2, a3, b0, b1, b2,   \
                               b3);                                                                            \
  }

#define BINARY(NAME, T, R, EXPRESSION)                                                                         \
  struct NAME##_op {                                                                                           \
    static __device__ inline R apply(T a, T b) { return (R)(EXPRESSION); }                                     \
  };                                                                                                           \
  extern "C" __global__ void NAME##_flat(const T* a, const T* b, R* out, i64 n, i32 stepA, i32 stepB) {        \
    binaryFlat<NAME##_op, T, R>(a, b, out, n, stepA, stepB);                                                   \
  }                                                                                                            \
  BINARY_STRIDED(NAME##_wide, NAME##_op, T, R, 4)                                                              \
  BINARY_STRIDED(NAME##_each, NAME##_op, T, R, 1)

// tf.mod and tf.floorDiv round towards minus infinity; an integer by zero gives 0, not a fault.
__device__ inline float modulo(float a, float b) {
  const float remainder = fmodf(a, b);
  return (a < 0.0f) == (b < 0.0f) ? remainder : fmodf(remainder + b, b);
}
__device__ inline i32 modulo(i32 a, i32 b) {
  if (b == 0 || b == -1) return 0;
  const i32 remainder = a % b;
  return (a < 0) == (b < 0) ? remainder : (remainder + b) % b;
}
__device__ inline i32 floorDivide(i32 a, i32 b) {
  if (b == 0) return 0;
  if (b == -1) return (i32)(0u - (u32)a);
  const i32 quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
__device__ inline float power(float a, float b) { return b == 2.0f ? a * a : powf(a, b); }
// As a float64 truncated: fractions become 0, and so does 0 to a negative power.
__device__ inline i32 power(i32 a, i32 b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
  u32 result = 1, base = (u32)a;
  for (u32 left = (u32)b; left > 0; left >>= 1) {
    if (left & 1) result *= base;
    base *= base;
  }
  return (i32)result;
}
