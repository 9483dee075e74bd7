// binary16 and bfloat16, the same codes and values to the bit as daemon/checkpoint/half.ts, in integer arithmetic
// (no flag of the compiler touches it). Two codes a word, the first in the lower half. Compiled behind convert.cu.

#define INFINITE_BITS 0x7f800000u
#define QUIET_NAN 0x7fc00000u

__device__ __forceinline__ u32 f16_bits(float value) {
  const u32 x = __float_as_uint(value);
  const u32 magnitude = x & 0x7fffffffu;
  const u32 sign = (x >> 16) & 0x8000u;
  // From 2^16 on nothing rounds to a finite value. A NaN keeps its upper payload and gets the quiet bit.
  if (magnitude >= 0x47800000u) {
    return sign | (magnitude > INFINITE_BITS ? 0x7e00u | ((magnitude >> 13) & 0x3ffu) : 0x7c00u);
  }
  // From 2^-14 on the result is normal: the exponent is biased by 112 less, and a carry bumps it, up to Inf.
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13);
  }
  // In units of 2^-24: the whole significand, shifted right, and rounded by what fell off.
  const u32 shift = 126u - (magnitude >> 23);
  if (shift > 24u) return sign;
  const u32 significand = (magnitude & 0x7fffffu) | 0x800000u;
  const u32 kept = significand >> shift;
  const u32 lost = significand & ((1u << shift) - 1u);
  const u32 tie = 1u << (shift - 1u);
  return sign | (kept + (lost > tie || (lost == tie && (kept & 1u)) ? 1u : 0u));
}

__device__ __forceinline__ float f16_value(u32 code) {
  const u32 sign = (code & 0x8000u) << 16;
  const u32 exponent = (code >> 10) & 31u;
  u32 mantissa = code & 0x3ffu;
  if (exponent == 31u) return __uint_as_float(mantissa ? QUIET_NAN : sign | INFINITE_BITS);
  if (exponent > 0u) return __uint_as_float(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  if (mantissa == 0u) return __uint_as_float(sign);
  // A subnormal is a normal float32: its highest bit moves to where it is not written.
  u32 normal = 113u;
  while ((mantissa & 0x400u) == 0u) {
    mantissa <<= 1;
    normal--;
  }
  return __uint_as_float(sign | (normal << 23) | ((mantissa & 0x3ffu) << 13));
}

__device__ __forceinline__ float bf16_value(u32 code) { return __uint_as_float(code << 16); }

// One thread a word of two codes, in turns; `count` values.
#define DECODE(name, value)                                                                          \
  extern "C" __global__ void name(const u32* __restrict__ words, float* __restrict__ out, i64 count) { \
    const i64 stride = (i64)gridDim.x * blockDim.x;                                                  \
    for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; 2 * i < count; i += stride) {           \
      const u32 word = words[i];                                                                     \
      out[2 * i] = value(word & 0xffffu);                                                            \
      if (2 * i + 1 < count) out[2 * i + 1] = value(word >> 16);                                     \
    }                                                                                                \
  }
DECODE(decodeF16, f16_value)
DECODE(decodeBF16, bf16_value)

// `out` may be x itself: each thread reads its two values before it writes them.
#define ROUND(name, bits, value)                                                                     \
  extern "C" __global__ void name(const float* x, float* out, u32* __restrict__ words, i64 count) {  \
    const i64 stride = (i64)gridDim.x * blockDim.x;                                                  \
    for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; 2 * i < count; i += stride) {           \
      const bool pair = 2 * i + 1 < count;                                                           \
      const u32 first = bits(x[2 * i]);                                                              \
      const u32 second = pair ? bits(x[2 * i + 1]) : 0u;                                             \
      out[2 * i] = value(first);                                                                     \
      if (pair) out[2 * i + 1] = value(second);                                                      \
      words[i] = first | (second << 16);                                                             \
    }                                                                                                \
  }
ROUND(roundF16, f16_bits, f16_value)
ROUND(roundBF16, bf16_bits, bf16_value)
