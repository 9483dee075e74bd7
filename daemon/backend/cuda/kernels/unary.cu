// out[i] = Op(x[i]); p and q are the operation's own numbers.
template <class Op, class T, class R>
__device__ inline void unary(const T* x, R* out, i64 n, float p, float q) {
  const i64 fours = n >> 2;
  for (i64 i = firstIndex(); i < fours; i += indexStep()) {
    const Four<T> in = ((const Four<T>*)x)[i];
    Four<R> result;
#pragma unroll
    for (int k = 0; k < 4; k++) result.at[k] = (R)Op::apply(in.at[k], p, q);
    ((Four<R>*)out)[i] = result;
  }
  const i64 rest = 4 * fours + firstIndex();
  if (rest < n) out[rest] = (R)Op::apply(x[rest], p, q);
}

#define UNARY(NAME, T, R, EXPRESSION)                                                        \
  struct NAME##_op {                                                                         \
    static __device__ inline R apply(T x, float p, float q) { return (R)(EXPRESSION); }      \
  };                                                                                         \
  extern "C" __global__ void NAME(const T* x, R* out, i64 n, float p, float q) {             \
    unary<NAME##_op, T, R>(x, out, n, p, q);                                                 \
  }
