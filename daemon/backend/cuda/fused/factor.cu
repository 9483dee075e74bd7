// The leaf of the recursive factorisation (factor.ts): one block of `size` ≤ LEAF columns on the diagonal of A.

#define LEAF 64

// A = V Vᵀ with V upper, read from A's upper triangle, then U = V⁻¹, both in double in shared memory. One block of
// LEAF threads. u [size, size] is written whole. failed becomes 1 where A is not positive definite (or not finite).
extern "C" __global__ void __launch_bounds__(LEAF)
    factorLeaf(const float* __restrict__ a, int lda, int size, float* __restrict__ u, int ldu, int* failed) {
  DYNAMIC_SHARED(double, v);  // [LEAF][LEAF + 1]
  const int t = threadIdx.x;
#define V(i, j) v[(i) * (LEAF + 1) + (j)]
  for (int i = 0; i < size; i++) {
    if (t < size) V(i, t) = i <= t ? (double)a[(i64)i * lda + t] : 0.0;
  }
  __syncthreads();
  // Backwards: column j, then what it explains goes from the columns before it. Thread t has row t.
  for (int j = size - 1; j >= 0; j--) {
    const double pivot = V(j, j);
    const bool positive = pivot > 0.0 && pivot < 1e300;
    if (t == 0 && !positive) *failed = 1;
    const double root = positive ? sqrt(pivot) : 1.0;
    __syncthreads();
    if (t < j) V(t, j) = V(t, j) / root;
    if (t == j) V(j, j) = root;
    __syncthreads();
    if (t < j) {
      const double own = V(t, j);
      for (int k = t; k < j; k++) V(t, k) -= own * V(k, j);
    }
    __syncthreads();
  }
  // Row i of U from the rows below it: U_i = (e_i − Σ_{k>i} V_ik U_k) / V_ii. Thread t has column t of U; the part of
  // V that a row needs is read before that row is overwritten.
  for (int i = size - 1; i >= 0; i--) {
    double sum = t == i ? 1.0 : 0.0;
    if (t < size) {
      for (int k = i + 1; k <= t; k++) sum -= V(i, k) * V(k, t);
    }
    const double diagonal = V(i, i);
    __syncthreads();
    if (t < size) V(i, t) = t < i ? 0.0 : sum / diagonal;
    __syncthreads();
  }
  for (int i = 0; i < size; i++) {
    if (t < size) u[(i64)i * ldu + t] = (float)V(i, t);
  }
}

// a [n, n] + diag(shift), copied.
extern "C" __global__ void copyShifted(const float* __restrict__ a, const float* __restrict__ shift,
                                       float* __restrict__ out, int n) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  const int i = blockIdx.y;
  if (j < n) out[(i64)i * n + j] = a[(i64)i * n + j] + (i == j ? shift[i] : 0.0f);
}

// Of each row i of a [n, n] the `width` entries up to the diagonal, kept as band[i][t] = a[i][i − t]; then
// a + diag(shift), in place.
extern "C" __global__ void keepBand(float* __restrict__ a, const float* __restrict__ shift, float* __restrict__ band,
                                    int n, int width) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int i = blockIdx.y;
  if (t >= width || t > i) return;
  float* at = a + (i64)i * n + (i - t);
  band[(i64)i * width + t] = *at;
  if (t == 0) *at += shift[i];
}

// Where there is no factor, a as it was: symmetric, from the band and from what lies below it.
extern "C" __global__ void restore(float* __restrict__ a, const int* __restrict__ failed,
                                   const float* __restrict__ band, int n, int width) {
  if (*failed == 0) return;
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  const int i = blockIdx.y;
  if (j > i) return;
  const float value = i - j < width ? band[(i64)i * width + (i - j)] : a[(i64)i * n + j];
  a[(i64)i * n + j] = value;
  a[(i64)j * n + i] = value;
}
