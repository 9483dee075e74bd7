// float32 to bfloat16, rounded to nearest with ties to even; NaN stays NaN.

__device__ __forceinline__ u32 bf16_bits(float x) {
  u32 bits = __float_as_uint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

// `target` is aligned to 4 bytes: two results are stored together.
extern "C" __global__ void f32_to_bf16(const float* __restrict__ source, u32* __restrict__ target,
                                       i64 elements) {
  i64 pairs = elements / 2;
  i64 stride = (i64)gridDim.x * blockDim.x;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < pairs; i += stride) {
    target[i] = bf16_bits(source[2 * i]) | (bf16_bits(source[2 * i + 1]) << 16);
  }
  if (elements % 2 != 0 && blockIdx.x == 0 && threadIdx.x == 0) {
    reinterpret_cast<unsigned short*>(target)[elements - 1] =
        (unsigned short)bf16_bits(source[elements - 1]);
  }
}
