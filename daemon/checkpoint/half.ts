/**
 * Conversions between float32 and the narrow float formats, on whole arrays of bit patterns.
 *
 * Decoding reads a table built from the arithmetic definition of a binary float; encoding rounds to nearest, ties
 * to even, in integer arithmetic. Nothing is allocated per element.
 */

/** A binary float format with one sign bit, at most 16 bits in all. */
interface Format {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /**
   * Meaning of the top codes. `ieee`: an all-ones exponent is Inf or NaN. `fn` (OCP 8-bit E4M3): finite except
   * all ones, which is NaN. `fnuz`: finite except the code of negative zero, which is the one NaN.
   */
  readonly specials: "ieee" | "fn" | "fnuz";
}

/** IEEE 754 binary16. */
const F16: Format = { exponentBits: 5, mantissaBits: 10, bias: 15, specials: "ieee" };
/** OCP 8-bit floats (arXiv 2209.05433). */
const E5M2: Format = { exponentBits: 5, mantissaBits: 2, bias: 15, specials: "ieee" };
const E4M3: Format = { exponentBits: 4, mantissaBits: 3, bias: 7, specials: "fn" };
/** The "finite, unsigned zero" variants (arXiv 2206.02915). */
const E4M3FNUZ: Format = { exponentBits: 4, mantissaBits: 3, bias: 8, specials: "fnuz" };
const E5M2FNUZ: Format = { exponentBits: 5, mantissaBits: 2, bias: 16, specials: "fnuz" };

function valueOf(code: number, f: Format): number {
  const topExponent = 2 ** f.exponentBits - 1;
  const sign = code >> (f.exponentBits + f.mantissaBits) ? -1 : 1;
  const exponent = (code >> f.mantissaBits) & topExponent;
  const mantissa = code & (2 ** f.mantissaBits - 1);
  const fraction = mantissa / 2 ** f.mantissaBits;
  if (f.specials === "ieee" && exponent === topExponent) return mantissa ? NaN : sign * Infinity;
  if (f.specials === "fn" && exponent === topExponent && fraction === 1 - 2 ** -f.mantissaBits) {
    return NaN;
  }
  if (f.specials === "fnuz" && sign < 0 && exponent === 0 && mantissa === 0) return NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - f.bias)
    : sign * (1 + fraction) * 2 ** (exponent - f.bias);
}

/** Table of a format's values, built when first asked for: 256 KiB for F16, 1 KiB for an 8-bit format. */
function lazyTable(codes: number, value: (code: number) => number): () => Float32Array {
  let table: Float32Array | undefined;
  return () => (table ??= Float32Array.from({ length: codes }, (_, code) => value(code)));
}

const f16Table = lazyTable(65536, (code) => valueOf(code, F16));

const FLOAT8_TABLES = {
  F8_E5M2: lazyTable(256, (code) => valueOf(code, E5M2)),
  F8_E4M3: lazyTable(256, (code) => valueOf(code, E4M3)),
  F8_E4M3FNUZ: lazyTable(256, (code) => valueOf(code, E4M3FNUZ)),
  F8_E5M2FNUZ: lazyTable(256, (code) => valueOf(code, E5M2FNUZ)),
  /** OCP scale format: unsigned powers of two, all ones is NaN. */
  F8_E8M0: lazyTable(256, (code) => (code === 255 ? NaN : 2 ** (code - 127))),
};

export type Float8 = keyof typeof FLOAT8_TABLES;

/** `out[i] = float32(codes[i])`; `out` is at least as long as `codes`. */
export function decodeF16(codes: Uint16Array, out: Float32Array): void {
  const table = f16Table();
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i] ?? 0] ?? NaN;
}

/** bfloat16 is the upper half of a float32: exact, NaN payloads included. */
export function decodeBF16(codes: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, codes.length);
  for (let i = 0; i < codes.length; i++) bits[i] = (codes[i] ?? 0) << 16;
}

export function decodeFloat8(format: Float8, codes: Uint8Array, out: Float32Array): void {
  const table = FLOAT8_TABLES[format]();
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i] ?? 0] ?? NaN;
}

const F32_INFINITY = 0x7f800000;
/** Bits of 2¹⁶, above every value that can still round to a finite binary16. */
const F32_TWO_TO_16 = 0x47800000;
/** Bits of 2⁻¹⁴, the smallest normal binary16. */
const F32_MIN_NORMAL_F16 = 0x38800000;

/** Rounds to nearest even; overflow gives Inf, NaN stays NaN, subnormals are kept. */
export function encodeF16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i] ?? 0;
    const magnitude = x & 0x7fffffff;
    let code: number;
    if (magnitude >= F32_TWO_TO_16) {
      // A NaN keeps its upper payload and gets the quiet bit, so that it can never turn into Inf.
      code = magnitude > F32_INFINITY ? 0x7e00 | ((magnitude >>> 13) & 0x3ff) : 0x7c00;
    } else if (magnitude >= F32_MIN_NORMAL_F16) {
      // Exponent re-biased by 127 − 15; a carry out of the mantissa correctly bumps the exponent, up to Inf.
      code = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else {
      // Result in units of 2⁻²⁴: shift the full significand right, then round on what fell off.
      const shift = 126 - (magnitude >>> 23);
      if (shift > 24) {
        code = 0;
      } else {
        const significand = (magnitude & 0x7fffff) | 0x800000;
        const kept = significand >>> shift;
        const lost = significand & ((1 << shift) - 1);
        const tie = 1 << (shift - 1);
        code = lost > tie || (lost === tie && (kept & 1) === 1) ? kept + 1 : kept;
      }
    }
    out[i] = ((x >>> 16) & 0x8000) | code;
  }
}

/** Rounds to nearest even; overflow gives Inf, NaN stays NaN. */
export function encodeBF16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i] ?? 0;
    out[i] =
      (x & 0x7fffffff) > F32_INFINITY ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
}

/** {@link encodeBF16}, and leaves in `values` what the codes stand for: one pass where a decode would be the second. */
export function roundBF16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i] ?? 0;
    const code =
      (x & 0x7fffffff) > F32_INFINITY ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
    out[i] = code;
    bits[i] = code << 16;
  }
}
