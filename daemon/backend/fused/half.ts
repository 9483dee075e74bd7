/**
 * bfloat16 and binary16 on a device that can: codes go up as they lie in a file and become float32 there, and what
 * will be stored is rounded there and comes back as codes. Half the bytes travel, and the host looks at none of them.
 * To the bit what `daemon/checkpoint` does on the host for all other devices, NaN and subnormals included.
 *
 * Codes travel as int32 words, two a word with the first in the lower half: little-endian bytes as they are.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/** The names of the safetensors format. */
export type HalfFormat = "BF16" | "F16";

/** Whether {@link decodedHalf} and {@link roundedHalf} can be called. */
export function hasHalfKernels(): boolean {
  return hasKernel("decodeHalf") && hasKernel("roundHalf");
}

/** How values of that dtype travel between a file and the device; undefined where the host has to convert them. */
export function halfFormat(dtype: string | undefined): HalfFormat | undefined {
  return (dtype === "BF16" || dtype === "F16") && hasHalfKernels() ? dtype : undefined;
}

/** @param codes little-endian, 2 bytes for each element of `shape` */
export function decodedHalf<R extends tf.Rank>(
  format: HalfFormat,
  codes: Uint8Array<ArrayBuffer>,
  shape: tf.ShapeMap[R],
): tf.Tensor<R> {
  const size = tf.util.sizeFromShape(shape);
  tf.util.assert(
    codes.byteLength === 2 * size,
    () => `${codes.byteLength} bytes are not the codes of [${shape.join()}]`,
  );
  const words = tf.tensor1d(wordsOf(codes), "int32");
  const [values] = runFused("decodeHalf", { words }, { format, shape });
  words.dispose();
  return values as tf.Tensor<R>;
}

export interface RoundedHalf<T extends tf.Tensor> {
  /** What the codes stand for. */
  readonly values: T;
  /** Little-endian, 2 bytes an element; on their way to the host, while the device goes on. */
  readonly codes: Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Rounds to nearest even; overflow gives Inf.
 * @param x taken over; its memory is written to where nobody else holds it
 */
export function roundedHalf<T extends tf.Tensor>(format: HalfFormat, x: T): RoundedHalf<T> {
  const { size } = x;
  const [values, words] = runFused("roundHalf", { x }, { format });
  x.dispose();
  tf.util.assert(values !== undefined && words !== undefined, () => "roundHalf gives two tensors");
  return { values: values as T, codes: codesOf(words as tf.Tensor1D, size) };
}

/** Takes the words over. */
async function codesOf(words: tf.Tensor1D, size: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { buffer, byteOffset } = await words.data<"int32">();
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, 2 * size);
  } finally {
    words.dispose();
  }
}

/** The same memory where it is made of whole words, else a copy with a code more. */
function wordsOf(codes: Uint8Array<ArrayBuffer>): Int32Array {
  const { buffer, byteOffset, byteLength } = codes;
  if (byteOffset % 4 === 0 && byteLength % 4 === 0) {
    return new Int32Array(buffer, byteOffset, byteLength / 4);
  }
  const words = new Int32Array(Math.ceil(byteLength / 4));
  new Uint8Array(words.buffer).set(codes);
  return words;
}
