/**
 * bfloat16 and binary16 ↔ float32, the same codes and values to the bit as daemon/checkpoint/half.ts, in integer
 * arithmetic. A code is 2 bytes, little-endian, one after the other.
 */

/** @param codes `count` of them; @param out `count` float32 */
export function decodeBF16(codes: usize, out: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    i32.store(out + (i << 2), i32.load16_u(codes + (i << 1)) << 16);
  }
}

/** @param x `count` float32; left as what `codes` stand for */
export function roundBF16(x: usize, codes: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const bits = load<u32>(x + (i << 2));
    // To nearest even; a NaN gets the quiet bit instead, so that rounding can never turn it into Inf.
    const code =
      (bits & 0x7fffffff) > INFINITE
        ? (bits >> 16) | 0x40
        : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    i32.store16(codes + (i << 1), code);
    i32.store(x + (i << 2), code << 16);
  }
}

/** See {@link decodeBF16}. */
export function decodeF16(codes: usize, out: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    i32.store(out + (i << 2), valueOfF16(u32(i32.load16_u(codes + (i << 1)))));
  }
}

/** See {@link roundBF16}. */
export function roundF16(x: usize, codes: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const code = codeOfF16(load<u32>(x + (i << 2)));
    i32.store16(codes + (i << 1), code);
    i32.store(x + (i << 2), valueOfF16(code));
  }
}

const INFINITE: u32 = 0x7f800000;
const QUIET_NAN: u32 = 0x7fc00000;

/** Bits of the float32 that a binary16 stands for. */
function valueOfF16(code: u32): u32 {
  const sign = (code & 0x8000) << 16;
  const magnitude = code & 0x7fff;
  if (magnitude > 0x7c00) return QUIET_NAN;
  if (magnitude == 0x7c00) return sign | INFINITE;
  // 127 − 15 = 112 is what the exponents' biases differ by.
  if (magnitude >= 0x400) return sign | ((magnitude << 13) + (112 << 23));
  // Subnormal: so many times 2⁻²⁴, which float32 holds exactly.
  return sign | reinterpret<u32>(<f32>magnitude * <f32>5.9604644775390625e-8);
}

/** The binary16 nearest to a float32's bits, ties to even; overflow gives Inf, NaN stays NaN. */
function codeOfF16(bits: u32): u32 {
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // From 2¹⁶ on nothing rounds to a finite value. A NaN keeps its upper payload and gets the quiet bit.
  if (magnitude >= 0x47800000) {
    return sign | (magnitude > INFINITE ? 0x7e00 | ((magnitude >> 13) & 0x3ff) : 0x7c00);
  }
  // From 2⁻¹⁴ on the result is normal. A carry out of the mantissa bumps the exponent, up to Inf.
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude - (112 << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  }
  // In units of 2⁻²⁴: the whole significand, shifted right, and rounded by what fell off.
  const shift = 126 - (magnitude >> 23);
  if (shift > 24) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const kept = significand >> shift;
  const lost = significand & ((1 << shift) - 1);
  const tie: u32 = 1 << (shift - 1);
  return sign | (kept + u32(lost > tie || (lost == tie && (kept & 1) == 1)));
}
