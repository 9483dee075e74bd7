/**
 * bfloat16 and binary16 on the devices that convert them by themselves, against the host's conversions, which serve all
 * others: the same bits for all codes, at every boundary between two codes, and for random float32.
 */
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import {
  decodedHalf,
  hasHalfKernels,
  roundedHalf,
  type HalfFormat,
} from "../../../daemon/backend/index.ts";
import { decodeFloats, encodeRounding } from "../../../daemon/checkpoint/index.ts";
import { seededRandom } from "../../../daemon/random.ts";

const CODES = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

const bitsOf = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);
/** Where two arrays differ, as text: a comparison of whole arrays prints megabytes. */
const differences = (found: Uint32Array | Uint8Array, wanted: Uint32Array | Uint8Array): string[] =>
  [...wanted.keys()]
    .filter((i) => found[i] !== wanted[i])
    .slice(0, 5)
    .map((i) => `${i}: ${found[i]?.toString(16)}, not ${wanted[i]?.toString(16)}`);

/** Both signs of every code, of the middle between it and the next, and of the float32 on either side of each. */
function boundaries(format: HalfFormat): Uint32Array {
  const decoded = bitsOf(decodeFloats(format, CODES));
  const bits: number[] = [];
  for (let code = 0; code < 0x8000; code++) {
    const [low, high] = [decoded[code] ?? 0, decoded[code + 1] ?? 0];
    const middle = bitsOf(Float32Array.of((floatOf(low) + floatOf(high)) / 2))[0] ?? 0;
    for (const at of [low, middle]) {
      for (const x of [at - 1, at, at + 1]) bits.push(x >>> 0, (x ^ 0x80000000) >>> 0);
    }
  }
  return Uint32Array.from(bits);
}
const floatOf = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? NaN;

async function rounded(format: HalfFormat, values: Float32Array) {
  const { values: tensor, codes } = roundedHalf(format, tf.tensor1d(values));
  const result = { values: await tensor.data<"float32">(), codes: await codes };
  tensor.dispose();
  return result;
}

export function halfLaws(): void {
  test("the device converts by itself", () => {
    expect(hasHalfKernels()).toBe(true);
  });

  describe.each(["F16", "BF16"] as const)("%s", (format) => {
    test("decodes all 65536 codes", async () => {
      const tensor = decodedHalf<tf.Rank.R2>(format, CODES.slice(), [256, 256]);
      expect(tensor.shape).toEqual([256, 256]);
      const values = await tensor.data<"float32">();
      tensor.dispose();
      expect(differences(bitsOf(values), bitsOf(decodeFloats(format, CODES)))).toEqual([]);
    });

    test.each([0, 1, 7, 258])("decodes %i codes that begin anywhere in memory", async (count) => {
      const from = new Uint8Array(2 * count + 8);
      from.set(CODES.subarray(2 * 0x3c00, 2 * (0x3c00 + count)), 2);
      const codes = from.subarray(2, 2 + 2 * count);
      const tensor = decodedHalf<tf.Rank.R1>(format, codes, [count]);
      const wanted = decodeFloats(format, codes.slice());
      expect(differences(bitsOf(await tensor.data<"float32">()), bitsOf(wanted))).toEqual([]);
      tensor.dispose();
    });

    const random = seededRandom(3);
    test.each([
      ["every boundary between two codes", boundaries(format)],
      ["random bits", Uint32Array.from({ length: 100_001 }, () => random.integer(2 ** 32))],
      [
        "NaN, Inf, overflow, zeros, subnormals",
        Uint32Array.of(
          ...[0x7f800001, 0xff800001, 0x7fffffff, 0x7fc00000, 0x7f800000, 0xff800000],
          ...[0x7f7fffff, 0xff7fffff, 0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x33000000],
        ),
      ],
    ])("rounds %s as the host does", async (_, bits) => {
      const values = new Float32Array(bits.buffer, bits.byteOffset, bits.length);
      const wanted = values.slice();
      const codes = encodeRounding(format, wanted);
      const found = await rounded(format, values.slice());
      expect(differences(found.codes, codes)).toEqual([]);
      expect(differences(bitsOf(found.values), bitsOf(wanted))).toEqual([]);
    });

    test("of a tensor that somebody else holds, his stays as it was", async () => {
      const values = Float32Array.of(1.001, -2.002, 3.003);
      const held = tf.tensor1d(values);
      const { values: result, codes } = roundedHalf(format, held.clone());
      expect([...(await held.data())]).toEqual([...values]);
      expect((await codes).byteLength).toBe(6);
      expect([...(await result.data())]).not.toEqual([...values]);
      tf.dispose([held, result]);
    });

    test("in its own memory where nobody does, and nothing is left", async () => {
      const bytes = (): number => (tf.memory() as { numBytesInGPU?: number }).numBytesInGPU ?? 0;
      const { numTensors } = tf.memory();
      const x = tf.fill<tf.Rank.R1>([1 << 12], 1.5);
      const alive = bytes();
      const { values, codes } = roundedHalf(format, x);
      // The codes alone.
      expect(bytes() - alive).toBeLessThan(4 * (1 << 12));
      await codes;
      values.dispose();
      expect(tf.memory().numTensors).toBe(numTensors);
    });
  });
}
