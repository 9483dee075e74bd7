// The elementwise part of Adam on the orthogonal group (method/adam.ts, method/orthogonal.ts), for stacks of n × n.

// From P = RᵀG: Ω = P − Pᵀ; first ← β₁ first + Ω; second ← β₂ second + Ω²; a = η first / (√second + ε).
// Blocks of 32 × 8 threads take a tile of 32 × 32; z is the matrix of the stack.
extern "C" __global__ void adamDirection(const float* __restrict__ product, const float* __restrict__ first,
                                         const float* __restrict__ second, int n, float beta1, float beta2, float eta,
                                         float epsilon, float* __restrict__ newFirst, float* __restrict__ newSecond,
                                         float* __restrict__ a) {
  __shared__ float mirrored[32][33];
  const i64 base = (i64)blockIdx.z * n * n;
  const int column = threadIdx.x & 31;
  const int line = threadIdx.x >> 5;
  // The tile on the other side of the diagonal, read along its rows.
  for (int i = line; i < 32; i += 8) {
    const int r = blockIdx.x * 32 + i;
    const int c = blockIdx.y * 32 + column;
    if (r < n && c < n) mirrored[i][column] = product[base + (i64)r * n + c];
  }
  __syncthreads();
  for (int i = line; i < 32; i += 8) {
    const int r = blockIdx.y * 32 + i;
    const int c = blockIdx.x * 32 + column;
    if (r >= n || c >= n) continue;
    const i64 at = base + (i64)r * n + c;
    const float omega = product[at] - mirrored[column][i];
    const float m = beta1 * first[at] + omega;
    const float v = beta2 * second[at] + omega * omega;
    newFirst[at] = m;
    newSecond[at] = v;
    a[at] = eta * m / (sqrtf(v) + epsilon);
  }
}

// y = M x for a stack of symmetric (or any) n × n, x scaled by 1 / max(norm, 1e-30): one warp a row.
extern "C" __global__ void timesVector(const float* __restrict__ m, const float* __restrict__ x,
                                       const float* __restrict__ norms, int n, float* __restrict__ y) {
  const int lane = threadIdx.x & 31;
  const int row = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (row >= n) return;
  const float* from = m + ((i64)blockIdx.y * n + row) * n;
  const float* vector = x + (i64)blockIdx.y * n;
  float sum = 0.0f;
  for (int j = lane; j < n; j += 32) sum += from[j] * vector[j];
  sum = warpSum(sum);
  if (lane == 0) y[(i64)blockIdx.y * n + row] = sum / fmaxf(norms[blockIdx.y], 1e-30f);
}

// Euclidean norm of each vector of the stack; one block each.
extern "C" __global__ void __launch_bounds__(1024)
    vectorNorm(const float* __restrict__ x, int n, float* __restrict__ norms) {
  __shared__ float partials[32];
  const float* vector = x + (i64)blockIdx.x * n;
  float sum = 0.0f;
  for (int j = threadIdx.x; j < n; j += blockDim.x) sum += vector[j] * vector[j];
  sum = blockSum(sum, partials);
  if (threadIdx.x == 0) norms[blockIdx.x] = sqrtf(sum);
}

// With scale = min(1, longest / √norm), S = −scale A, B = scale² A²: square becomes B, left = S + (p2 / q1) B,
// rest = p0 S + p1 B.
extern "C" __global__ void stepTerms(const float* __restrict__ a, float* __restrict__ square,
                                     const float* __restrict__ norms, i64 perMatrix, float longest, float p0,
                                     float p1, float ratio, float* __restrict__ left, float* __restrict__ rest) {
  const float scale = fminf(1.0f, longest / sqrtf(fmaxf(norms[blockIdx.y], 1e-30f)));
  const i64 base = blockIdx.y * perMatrix;
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < perMatrix; k += (i64)gridDim.x * blockDim.x) {
    const float s = -scale * a[base + k];
    const float b = scale * scale * square[base + k];
    square[base + k] = b;
    left[base + k] = s + ratio * b;
    rest[base + k] = p0 * s + p1 * b;
  }
}

// gram becomes I − gram, for a stack of n × n.
extern "C" __global__ void deviation(float* __restrict__ gram, i64 count, int n) {
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += (i64)gridDim.x * blockDim.x) {
    const i64 inMatrix = k % ((i64)n * n);
    gram[k] = (inMatrix / n == inMatrix % n ? 1.0f : 0.0f) - gram[k];
  }
}
