// SparseGPT on one block of b columns (mathematics in ../../fused/sparsegpt.ts). One warp a row: lane l holds the
// columns l, l + 32, …, SLOTS of them. The block of U lies in shared memory where it fits.

static_assert(SLOTS <= 32, "a lane marks its columns in 32 bits");

// Scores (w / u_jj)² of `group` columns that are wider than a block; scores [rows, group], `count` of them.
extern "C" __global__ void wideScores(const float* __restrict__ w, int ldw, const float* __restrict__ u, int ldu,
                                      i64 count, int group, float* __restrict__ scores) {
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += (i64)gridDim.x * blockDim.x) {
    const int j = (int)(k % group);
    const float scaled = w[k / group * ldw + j] / u[(i64)j * ldu + j];
    scores[k] = scaled * scaled;
  }
}

// w (which may be weights): rows `ldw` apart; weights, errors: `ld`; u: rows `ldu` apart; mask [rows, ldm] or null:
// then the `count` lowest of every `group` columns are chosen when they are reached. Shared: 32 · SLOTS floats a warp,
// then U if `keepU`.
extern "C" __global__ void __launch_bounds__(256)
    sparsegptBlock(const float* w, int ldw, const float* __restrict__ u, int ldu,
                   const u8* __restrict__ mask, int ldm, int rows, int b, int count, int group, int keepU,
                   float* weights, float* __restrict__ errors, int ld) {
  DYNAMIC_SHARED(float, shared);
  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x >> 5;
  const int warps = blockDim.x >> 5;
  float* scores = shared + warp * 32 * SLOTS;
  float* held = shared + warps * 32 * SLOTS;
  if (keepU) {
    for (int k = threadIdx.x; k < b * b; k += blockDim.x) held[k] = u[(i64)(k / b) * ldu + k % b];
    __syncthreads();
    u = held;
    ldu = b;
  }
  const int row = blockIdx.x * warps + warp;
  if (row >= rows) return;

  float x[SLOTS];
  float error[SLOTS];
  u32 chosen = 0;  // bit s: the lane's column in slot s goes
#pragma unroll
  for (int s = 0; s < SLOTS; s++) {
    const int j = s * 32 + lane;
    x[s] = j < b ? w[(i64)row * ldw + j] : 0.0f;
    error[s] = 0.0f;
    if (mask && j < b && mask[(i64)row * ldm + j]) chosen |= 1u << s;
  }
#pragma unroll
  for (int s = 0; s < SLOTS; s++) {
    for (int l = 0; l < 32; l++) {
      const int i = s * 32 + l;
      if (i >= b) break;
      if (!mask && i % group == 0) {
#pragma unroll
        for (int t = 0; t < SLOTS; t++) {
          const int j = t * 32 + lane;
          if (j >= i && j < i + group) {
            const float scaled = x[t] / u[(i64)j * ldu + j];
            scores[j] = scaled * scaled;
          }
        }
        __syncwarp();
#pragma unroll
        for (int t = 0; t < SLOTS; t++) {
          const int j = t * 32 + lane;
          if (j >= i && j < i + group) {
            const float own = scores[j];
            int rank = 0;
            for (int k = i; k < i + group; k++) rank += scores[k] < own || (scores[k] == own && k < j);
            if (rank < count) chosen |= 1u << t;
          }
        }
        __syncwarp();
      }
      if (!(__shfl_sync(FULL, chosen, l) >> s & 1u)) continue;
      const float* uRow = u + (i64)i * ldu;
      const float e = __shfl_sync(FULL, x[s], l) / uRow[i];
      if (lane == l) {
        x[s] = 0.0f;
        error[s] = e;
      }
#pragma unroll
      for (int t = 0; t < SLOTS; t++) {
        const int k = t * 32 + lane;
        if (t >= s && k > i && k < b) x[t] -= e * uRow[k];
      }
    }
  }
#pragma unroll
  for (int s = 0; s < SLOTS; s++) {
    const int j = s * 32 + lane;
    if (j < b) {
      weights[(i64)row * ld + j] = x[s];
      errors[(i64)row * ld + j] = error[s];
    }
  }
}
