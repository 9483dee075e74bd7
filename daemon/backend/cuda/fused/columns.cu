// Sums over the rows of each column, in chunks of rows that are added up in a fixed order; and the entropy objective
// along columns, where c cancels (mathematics in ../../fused/entropy.ts).

// Block (x: 256 columns, y: a chunk of rows): Σ w² of each column.
extern "C" __global__ void columnSquares(const float* __restrict__ w, int rows, int cols, int perChunk,
                                         float* __restrict__ partial) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= cols) return;
  const int end = min(rows, (int)(blockIdx.y + 1) * perChunk);
  float sum = 0.0f;
#pragma unroll 8
  for (int i = blockIdx.y * perChunk; i < end; i++) {
    const float x = w[(i64)i * cols + j];
    sum += x * x;
  }
  partial[(i64)blockIdx.y * cols + j] = sum;
}

// The same blocks: −Σ p ln p with p = w² · scale.
extern "C" __global__ void columnEntropies(const float* __restrict__ w, const float* __restrict__ scales, int rows,
                                           int cols, int perChunk, float* __restrict__ partial) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= cols) return;
  const int end = min(rows, (int)(blockIdx.y + 1) * perChunk);
  const float scale = scales[j];
  float entropy = 0.0f;
#pragma unroll 8
  for (int i = blockIdx.y * perChunk; i < end; i++) {
    const float x = w[(i64)i * cols + j];
    const float p = x * x * scale;
    if (p > EMPTY_MASS) entropy -= p * logf(p);
  }
  partial[(i64)blockIdx.y * cols + j] = entropy;
}

extern "C" __global__ void columnGradient(const float* __restrict__ w, const float* __restrict__ scales,
                                          const float* __restrict__ entropies, int rows, int cols, int perChunk,
                                          float* __restrict__ gradW) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= cols) return;
  const int end = min(rows, (int)(blockIdx.y + 1) * perChunk);
  const float scale = scales[j];
  const float entropy = entropies[j];
#pragma unroll 8
  for (int i = blockIdx.y * perChunk; i < end; i++) {
    const float x = w[(i64)i * cols + j];
    const float p = x * x * scale;
    gradW[(i64)i * cols + j] = p > EMPTY_MASS ? -2.0f * x * (logf(p) + entropy) * scale : 0.0f;
  }
}

// A block of 32 columns × 32 threads adds up `chunks` partial sums. With c: 1/Σ instead, 0 where Σ·c is empty.
extern "C" __global__ void __launch_bounds__(1024)
    sumChunks(const float* __restrict__ partial, int chunks, int cols, const float* __restrict__ c,
              float* __restrict__ out) {
  __shared__ float sums[32][33];
  const int column = threadIdx.x & 31;
  const int part = threadIdx.x >> 5;
  const int j = blockIdx.x * 32 + column;
  float sum = 0.0f;
  if (j < cols) {
    for (int i = part; i < chunks; i += 32) sum += partial[(i64)i * cols + j];
  }
  sums[part][column] = sum;
  __syncthreads();
  // Now the warp's lanes are the parts of one column.
  sum = warpSum(sums[column][part]);
  const int out_j = blockIdx.x * 32 + part;
  if (column == 0 && out_j < cols) {
    if (c) sum = sum * c[out_j] > EMPTY_MASS ? 1.0f / sum : 0.0f;
    out[out_j] = sum;
  }
}

// One block of 1024: the loss, in double.
extern "C" __global__ void __launch_bounds__(1024)
    sumAll(const float* __restrict__ values, int count, float* __restrict__ out) {
  __shared__ double sums[1024];
  double sum = 0.0;
  for (int i = threadIdx.x; i < count; i += 1024) sum += (double)values[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 512; half > 0; half >>= 1) {
    if ((int)threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) out[0] = (float)sums[0];
}

// Block (x: 256 columns, y: a chunk of rows, z: matrix of a stack): Σ a b of each column; partial [z, chunks, cols].
extern "C" __global__ void columnDots(const float* __restrict__ a, const float* __restrict__ b, int rows, int cols,
                                      int perChunk, float* __restrict__ partial) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= cols) return;
  const i64 base = (i64)blockIdx.z * rows * cols;
  const int end = min(rows, (int)(blockIdx.y + 1) * perChunk);
  float sum = 0.0f;
#pragma unroll 8
  for (int i = blockIdx.y * perChunk; i < end; i++) {
    const i64 at = base + (i64)i * cols + j;
    sum += a[at] * b[at];
  }
  partial[((i64)blockIdx.z * gridDim.y + blockIdx.y) * cols + j] = sum;
}

// sum += M diag(g) on stacks of rows × cols.
extern "C" __global__ void addScaledColumns(float* __restrict__ sum, const float* __restrict__ m,
                                            const float* __restrict__ g, i64 count, int rows, int cols) {
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += (i64)gridDim.x * blockDim.x) {
    const i64 matrix = k / ((i64)rows * cols);
    sum[k] += m[k] * g[matrix * cols + k % cols];
  }
}
