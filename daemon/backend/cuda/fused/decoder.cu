// What a decoder layer does between its products, and the likelihood of tokens.

// y = x / sqrt(mean(x²) + eps) · gain, over rows of n. One block a row.
extern "C" __global__ void __launch_bounds__(512)
    rmsNorm(const float* __restrict__ x, const float* __restrict__ gain, int n, float eps, float* __restrict__ y) {
  __shared__ float partials[32];
  const float* row = x + (i64)blockIdx.x * n;
  float* to = y + (i64)blockIdx.x * n;
  float sum = 0.0f;
  for (int j = threadIdx.x; j < n; j += blockDim.x) sum += row[j] * row[j];
  sum = blockSum(sum, partials);
  const float scale = 1.0f / sqrtf(sum / (float)n + eps);
  for (int j = threadIdx.x; j < n; j += blockDim.x) to[j] = row[j] * scale * gain[j];
}

// Rotary embedding of x [B, T, heads, 2 · half], tables [T, half]: dimension i pairs with i + half.
extern "C" __global__ void rope(const float* __restrict__ x, const float* __restrict__ cosines,
                                const float* __restrict__ sines, i64 pairs, int T, int heads, int half,
                                float* __restrict__ y) {
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < pairs; k += (i64)gridDim.x * blockDim.x) {
    const int i = (int)(k % half);
    const i64 head = k / half;
    const int t = (int)(head / heads % T);
    const float c = cosines[(i64)t * half + i];
    const float s = sines[(i64)t * half + i];
    const i64 at = head * 2 * half + i;
    const float first = x[at];
    const float second = x[at + half];
    y[at] = first * c - second * s;
    y[at + half] = second * c + first * s;
  }
}

// silu(gate) · up
extern "C" __global__ void swiglu(const float* __restrict__ gate, const float* __restrict__ up, i64 count,
                                  float* __restrict__ y) {
  for (i64 k = (i64)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += (i64)gridDim.x * blockDim.x) {
    const float g = gate[k];
    y[k] = g / (1.0f + expf(-g)) * up[k];
  }
}

// Softmax in place of scores [blocks, rows, keys] where query `from + i` sees keys `first + j` from
// `query − window + 1` up to itself (window 0: from the start); the others get 0. One block a row.
extern "C" __global__ void __launch_bounds__(512)
    causalSoftmax(float* __restrict__ scores, int rows, int keys, int from, int first, int window) {
  __shared__ float partials[64];
  const int query = from + (int)(blockIdx.x % (u32)rows);
  float* row = scores + (i64)blockIdx.x * keys;
  const int low = window == 0 ? 0 : max(0, query - window + 1 - first);
  const int end = min(keys, query - first + 1);
  float highest = -INFINITE;
  for (int j = low + threadIdx.x; j < end; j += blockDim.x) highest = fmaxf(highest, row[j]);
  highest = blockMax(highest, partials);
  float sum = 0.0f;
  for (int j = low + threadIdx.x; j < end; j += blockDim.x) {
    const float weight = expf(row[j] - highest);
    row[j] = weight;
    sum += weight;
  }
  const float scale = 1.0f / blockSum(sum, partials + 32);
  for (int j = threadIdx.x; j < keys; j += blockDim.x) row[j] = j >= low && j < end ? row[j] * scale : 0.0f;
}

// Of logits [n, size]: ln Σ exp of each row, and the logit of its target (0 where the target is outside).
extern "C" __global__ void __launch_bounds__(1024)
    likelihood(const float* __restrict__ logits, const int* __restrict__ targets, int size,
               float* __restrict__ logSums, float* __restrict__ picked) {
  __shared__ float partials[64];
  const float* row = logits + (i64)blockIdx.x * size;
  // One reading: a thread's sum is rescaled when it meets a higher logit.
  float highest = -INFINITE;
  float sum = 0.0f;
  for (int j = threadIdx.x; j < size; j += blockDim.x) {
    const float x = row[j];
    if (x > highest) {
      sum = sum * expf(highest - x) + 1.0f;
      highest = x;
    } else if (x != -INFINITE) {
      // A NaN comes here too, and stays in the sum.
      sum += expf(x - highest);
    }
  }
  const float top = blockMax(highest, partials);
  // Nothing is above −∞ in a thread whose logits, if any, are −∞ or NaN: its sum is 0 or NaN at every scale.
  sum = blockSum(highest == -INFINITE ? sum : sum * expf(highest - top), partials + 32);
  if (threadIdx.x == 0) {
    const int target = targets[blockIdx.x];
    logSums[blockIdx.x] = top + logf(sum);
    picked[blockIdx.x] = target >= 0 && target < size ? row[target] : 0.0f;
  }
}
