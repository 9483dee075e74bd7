/**
 * From what was computed to what is stored. A device that rounds by itself keeps the values, and only the bytes come
 * back; elsewhere the host rounds, and they go up again.
 */
import * as tf from "@tensorflow/tfjs-core";
import { beside, halfFormat, hasHalfKernels, roundedHalf } from "../backend/index.ts";
import {
  encodeFloats,
  encodeRounding,
  expectArray,
  type WeightDType,
} from "../checkpoint/index.ts";

export interface Stored<T extends tf.Tensor> {
  /** What the bytes hold, on the device; disposed by the caller. */
  readonly tensor: T;
  /** As the file will hold them. A device may still be sending them while it goes on. */
  readonly bytes: Promise<Uint8Array>;
}

/** @param t taken over */
export async function rounded<T extends tf.Tensor>(dtype: WeightDType, t: T): Promise<Stored<T>> {
  const half = halfFormat(dtype);
  expectArray((half ? 2 : 4) * t.size);
  if (!hasHalfKernels()) {
    const values = await t.data<"float32">();
    t.dispose();
    const bytes = encodeRounding(dtype, values);
    return { tensor: tf.tensor(values, t.shape) as T, bytes: Promise.resolve(bytes) };
  }
  if (half) {
    const { values, codes } = roundedHalf(half, t);
    return { tensor: values, bytes: beside(codes) };
  }
  // Wider types hold float32 as it is.
  const bytes = t.data<"float32">().then((values) => encodeFloats(dtype, values));
  return { tensor: t, bytes: beside(bytes) };
}

/** The bytes alone. @param t taken over */
export async function storedBytes(dtype: WeightDType, t: tf.Tensor): Promise<Uint8Array> {
  const half = halfFormat(dtype);
  if (half) {
    const { values, codes } = roundedHalf(half, t);
    values.dispose();
    return codes;
  }
  const values = await t.data<"float32">();
  t.dispose();
  return encodeFloats(dtype, values);
}
