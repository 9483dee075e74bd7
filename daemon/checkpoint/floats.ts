/**
 * Bytes of a tensor ↔ float32 values. The one place that looks at tensor bytes as numbers.
 */

import { bigEndianHost } from "./errors.ts";
import type { FloatDType, WeightDType } from "./dtype.ts";
import { dtypeInfo } from "./dtype.ts";
import { decodeBF16, decodeF16, decodeFloat8, encodeBF16, encodeF16, roundBF16 } from "./half.ts";

// The format is little-endian and typed arrays have the host's order. Every machine this runs on is
// little-endian; should one not be, refuse to load rather than read noise.
if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) throw bigEndianHost();

/** `bytes`, at an offset that a typed array of `size`-byte elements may start from; copied only where needed. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/**
 * Decodes a tensor's bytes into `out[0 … count)` with `count = bytes · 8 / bits`. F64 is rounded to nearest even
 * (overflow to Inf), every other type is exact.
 */
export function decodeInto(dtype: FloatDType, bytes: Uint8Array, out: Float32Array): void {
  const size = dtypeInfo(dtype).bits / 8;
  const raw = aligned(bytes, size);
  const count = raw.byteLength / size;
  switch (dtype) {
    case "F64":
      out.set(new Float64Array(raw.buffer, raw.byteOffset, count));
      return;
    case "F32":
      out.set(new Float32Array(raw.buffer, raw.byteOffset, count));
      return;
    case "F16":
      decodeF16(new Uint16Array(raw.buffer, raw.byteOffset, count), out);
      return;
    case "BF16":
      decodeBF16(new Uint16Array(raw.buffer, raw.byteOffset, count), out);
      return;
    case "F8_E5M2":
    case "F8_E4M3":
    case "F8_E8M0":
    case "F8_E4M3FNUZ":
    case "F8_E5M2FNUZ":
      decodeFloat8(dtype, raw, out);
      return;
    default:
      dtype satisfies never;
  }
}

/** {@link decodeInto} a new array. */
export function decodeFloats(dtype: FloatDType, bytes: Uint8Array): Float32Array {
  const out = new Float32Array((bytes.byteLength * 8) / dtypeInfo(dtype).bits);
  decodeInto(dtype, bytes, out);
  return out;
}

/**
 * Encodes float32 values as a weight type, little-endian, rounding to nearest even. F64 and F32 are exact; for F32
 * the result is a view of the same memory, not a copy.
 */
export function encodeFloats(dtype: WeightDType, values: Float32Array): Uint8Array {
  switch (dtype) {
    case "F64":
      return new Uint8Array(new Float64Array(values).buffer);
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F16": {
      const codes = new Uint16Array(values.length);
      encodeF16(values, codes);
      return new Uint8Array(codes.buffer);
    }
    case "BF16": {
      const codes = new Uint16Array(values.length);
      encodeBF16(values, codes);
      return new Uint8Array(codes.buffer);
    }
    default:
      return dtype satisfies never;
  }
}

/**
 * {@link encodeFloats}, and `values` are left rounded to what the bytes hold. Where the bytes are F32 they are the
 * memory of `values`.
 */
export function encodeRounding(dtype: WeightDType, values: Float32Array): Uint8Array {
  if (dtype === "BF16") {
    const codes = new Uint16Array(values.length);
    roundBF16(values, codes);
    return new Uint8Array(codes.buffer);
  }
  const bytes = encodeFloats(dtype, values);
  if (dtype === "F16") decodeInto(dtype, bytes, values);
  return bytes;
}
