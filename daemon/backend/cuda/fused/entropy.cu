// Entropy objective (mathematics in ../../fused/entropy.ts). QUADS: how many quads of a row a thread holds.

// Each row a distribution. A row is read once and stays in registers; a block takes every gridDim.x-th row, so that
// a thread meets the same columns in all of them and ∂/∂c adds up in registers too. partialC [gridDim.x, cols].
extern "C" __global__ void __launch_bounds__(1024, 1)
    entropyRows(const float* __restrict__ w, const float* __restrict__ c, int rows, int cols,
                float* __restrict__ gradW, float* __restrict__ partialC, float* __restrict__ losses) {
  __shared__ float partials[64];
  float sumC[QUADS][4];
#pragma unroll
  for (int k = 0; k < QUADS; k++) {
#pragma unroll
    for (int e = 0; e < 4; e++) sumC[k][e] = 0.0f;
  }
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = w + (i64)row * cols;
    float x[QUADS][4];
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < QUADS; k++) loadQuad(from, k * blockDim.x + threadIdx.x, cols, x[k]);
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
      float factor[4];
      loadQuad(c, k * blockDim.x + threadIdx.x, cols, factor);
#pragma unroll
      for (int e = 0; e < 4; e++) sum += x[k][e] * x[k][e] * factor[e];
    }
    sum = blockSum(sum, partials);
    const float scale = sum > EMPTY_MASS ? 1.0f / sum : 0.0f;
    float entropy = 0.0f;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
      float factor[4];
      loadQuad(c, k * blockDim.x + threadIdx.x, cols, factor);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float p = x[k][e] * x[k][e] * factor[e] * scale;
        if (p > EMPTY_MASS) entropy -= p * logf(p);
      }
    }
    entropy = blockSum(entropy, partials + 32);
    if (threadIdx.x == 0) losses[row] = entropy;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
      const int q = k * blockDim.x + threadIdx.x;
      float factor[4];
      float grad[4];
      loadQuad(c, q, cols, factor);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float square = x[k][e] * x[k][e];
        const float p = square * factor[e] * scale;
        const float gradS = p > EMPTY_MASS ? -(logf(p) + entropy) * scale : 0.0f;
        grad[e] = 2.0f * x[k][e] * factor[e] * gradS;
        sumC[k][e] += square * gradS;
      }
      storeQuad(gradW + (i64)row * cols, q, cols, grad);
    }
  }
#pragma unroll
  for (int k = 0; k < QUADS; k++) {
    storeQuad(partialC + (i64)blockIdx.x * cols, k * blockDim.x + threadIdx.x, cols, sumC[k]);
  }
}
