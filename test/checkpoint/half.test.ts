/** Every bit pattern of the 16-bit formats, against the arithmetic of IEEE 754 done in float64. */

import { describe, expect, it } from "vitest";
import type { FloatDType } from "../../daemon/checkpoint/index.ts";
import { decodeFloats, encodeFloats, encodeRounding } from "../../daemon/checkpoint/index.ts";
import { seeded } from "./support.ts";

const CODES = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** All 65536 values of a format, decoded. */
const decodeAll = (dtype: FloatDType): Float32Array =>
  decodeFloats(dtype, new Uint8Array(CODES.buffer));

const encode = (dtype: "F16" | "BF16", values: Float32Array): Uint16Array =>
  new Uint16Array(encodeFloats(dtype, values).slice().buffer);

/** binary16 through repeated exact doubling and halving, no bit tricks. */
function f16Reference(code: number): number {
  const sign = code >= 0x8000 ? -1 : 1;
  const exponent = Math.floor((code % 0x8000) / 1024);
  const mantissa = code % 1024;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  let value = exponent === 0 ? mantissa : 1024 + mantissa;
  for (let e = exponent === 0 ? 1 : exponent; e < 25; e++) value /= 2;
  for (let e = exponent; e > 25; e--) value *= 2;
  return sign * value;
}

/** bfloat16 = the upper half of a big-endian float32. */
function bf16Reference(code: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, code);
  return view.getFloat32(0);
}

const REFERENCES = { F16: f16Reference, BF16: bf16Reference } as const;

/** `x`, exact in float32, and the float32 values just below and above it; `x` is positive. */
function neighbours(x: number): number[] {
  const value = Float32Array.of(x, x, x);
  const bits = new Uint32Array(value.buffer);
  bits[0] = (bits[1] ?? 0) - 1;
  bits[2] = (bits[1] ?? 0) + 1;
  return [...value];
}

describe.each(["F16", "BF16"] as const)("%s", (dtype) => {
  const reference = Float64Array.from(CODES, REFERENCES[dtype]);

  it("decodes all 65536 patterns", () => {
    const decoded = decodeAll(dtype);
    const wrong = [...CODES].filter((c) => !Object.is(decoded[c], reference[c]));
    expect(wrong).toEqual([]);
  });

  it("encodes every decoded pattern back to itself, and NaN to NaN", () => {
    const back = encode(dtype, decodeAll(dtype));
    const wrong = [...CODES].filter((c) =>
      Number.isNaN(reference[c]) ? !Number.isNaN(reference[back[c] ?? 0]) : back[c] !== c,
    );
    expect(wrong).toEqual([]);
  });

  it("rounds to the nearest value, ties to even, at every boundary", () => {
    // The next value after the largest finite one is where rounding to infinity would begin if it were finite.
    const infinity = [...CODES].find((c) => reference[c] === Infinity) ?? 0;
    const finite = Float64Array.from({ length: infinity }, (_, c) => reference[c] ?? NaN);
    const top = finite[infinity - 1] ?? NaN;
    const beyond = 2 * top - (finite[infinity - 2] ?? NaN);
    const inputs: number[] = [];
    const expected: number[] = [];
    for (let c = 0; c < infinity; c++) {
      const low = finite[c] ?? NaN;
      const high = c + 1 < infinity ? (finite[c + 1] ?? NaN) : beyond;
      for (const x of neighbours((low + high) / 2)) {
        if (x < low || x > high) continue;
        const down = x - low;
        const up = high - x;
        const code = down < up || (down === up && c % 2 === 0) ? c : c + 1;
        inputs.push(x, -x);
        expected.push(code, code + 0x8000);
      }
    }
    expect(inputs.length).toBeGreaterThan(4 * infinity);
    const codes = encode(dtype, Float32Array.from(inputs));
    expect(inputs.filter((_, i) => codes[i] !== expected[i])).toEqual([]);
  });

  it("is never farther from a random float32 than the neighbouring values are", () => {
    const random = seeded(7);
    const bits = Uint32Array.from({ length: 200_000 }, () => random() * 2 ** 32);
    const values = new Float32Array(bits.buffer);
    const codes = encode(dtype, values);
    const wrong = [...values.keys()].filter((i) => {
      const x = values[i] ?? NaN;
      const code = codes[i] ?? 0;
      const y = reference[code] ?? NaN;
      if (Number.isNaN(x) || !Number.isFinite(y)) return Number.isNaN(x) !== Number.isNaN(y);
      const error = Math.abs(x - y);
      return [code - 1, code + 1].some((c) => {
        const other = reference[c] ?? NaN;
        return (c ^ code) < 0x8000 && Math.abs(x - other) < error;
      });
    });
    expect(wrong).toEqual([]);
  });

  it("encodes the same when it rounds in place, and leaves what a decoder would read", () => {
    const random = seeded(8);
    const bits = Uint32Array.from({ length: 100_000 }, () => random() * 2 ** 32);
    const values = new Float32Array(bits.buffer);
    const codes = encodeFloats(dtype, values);
    const rounded = values.slice();
    expect(encodeRounding(dtype, rounded)).toEqual(codes);
    expect(rounded).toEqual(decodeFloats(dtype, codes));
  });

  it("turns overflow into infinity and keeps signed zero", () => {
    const codes = encode(dtype, Float32Array.of(3.4028234663852886e38, -Infinity, Infinity, -0));
    const inf = dtype === "F16" ? 0x7c00 : 0x7f80;
    expect([...codes]).toEqual([inf, inf + 0x8000, inf, 0x8000]);
  });

  it("keeps NaN whose payload is only in the bits that are cut off", () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    const codes = encode(dtype, nan);
    expect([...codes].map((c) => Number.isNaN(reference[c]))).toEqual([true, true]);
  });
});

describe("binary16 anchors", () => {
  it.each([
    [0x3c00, 1],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x0001, 2 ** -24],
    [0x3555, 0.333251953125],
    [0xc000, -2],
  ])("%i is %d", (code, value) => {
    expect(decodeAll("F16")[code]).toBe(value);
  });

  it("rounds 65519.996 down to the largest finite value and 65520 up to infinity", () => {
    expect([...encode("F16", Float32Array.of(65519.996, 65520))]).toEqual([0x7bff, 0x7c00]);
  });
});

describe("8-bit formats", () => {
  const decode8 = (dtype: FloatDType, code: number): number | undefined =>
    decodeFloats(dtype, Uint8Array.of(code))[0];

  // Largest, smallest subnormal and special codes as the OCP and FNUZ papers tabulate them.
  it.each([
    ["F8_E4M3", 0x7e, 448],
    ["F8_E4M3", 0x01, 2 ** -9],
    ["F8_E4M3", 0x7f, NaN],
    ["F8_E4M3", 0xff, NaN],
    ["F8_E4M3", 0xb8, -1],
    ["F8_E5M2", 0x7b, 57344],
    ["F8_E5M2", 0x01, 2 ** -16],
    ["F8_E5M2", 0xfc, -Infinity],
    ["F8_E5M2", 0x7d, NaN],
    ["F8_E4M3FNUZ", 0x7f, 240],
    ["F8_E4M3FNUZ", 0x80, NaN],
    ["F8_E4M3FNUZ", 0x40, 1],
    ["F8_E5M2FNUZ", 0x7f, 57344],
    ["F8_E5M2FNUZ", 0x80, NaN],
    ["F8_E8M0", 127, 1],
    ["F8_E8M0", 0, 2 ** -127],
    ["F8_E8M0", 255, NaN],
  ] as const)("%s code %i is %d", (dtype, code, value) => {
    expect(decode8(dtype, code)).toBe(value);
  });
});

describe("F64 and F32", () => {
  it("rounds float64 to the nearest float32", () => {
    const values = Float64Array.of(0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e300, NaN, -0);
    const decoded = decodeFloats("F64", new Uint8Array(values.buffer));
    expect([...decoded]).toEqual([0.10000000149011612, 1, 1 + 2 ** -22, Infinity, NaN, -0]);
  });

  it("encodes float32 exactly", () => {
    const values = Float32Array.of(0.1, -3.5, 2 ** -149);
    expect([...decodeFloats("F64", encodeFloats("F64", values))]).toEqual([...values]);
    expect([...new Float64Array(encodeFloats("F64", values).slice().buffer)]).toEqual([...values]);
    expect([...decodeFloats("F32", encodeFloats("F32", values))]).toEqual([...values]);
  });

  it("reads bytes that start at an odd address", () => {
    const odd = new Uint8Array(13);
    odd.set(new Uint8Array(Float32Array.of(1.5, -2, 7).buffer), 1);
    expect([...decodeFloats("F32", odd.subarray(1))]).toEqual([1.5, -2, 7]);
  });
});
