/** A tensor's values on the host: as TensorFlow.js hands and wants them, and as bytes. */
import type * as tf from "@tensorflow/tfjs-core";
import { tensorTooLarge, unsupportedType } from "../errors.ts";
import { ELEMENT_LIMIT } from "./runtime.ts";

/** What lies on the device. */
export type NumericType = "float32" | "int32" | "bool";
type NumericArray = Float32Array | Int32Array | Uint8Array;

const BYTES: Readonly<Record<NumericType, number>> = { float32: 4, int32: 4, bool: 1 };

/** @throws backend/unsupported-type */
export function numeric(dtype: tf.DataType): NumericType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw unsupportedType("cuda", dtype);
}

/** @throws backend/tensor-too-large */
export function elementsOf(shape: readonly number[], type: NumericType): number {
  const elements = shape.reduce((size, extent) => size * extent, 1);
  if (elements <= ELEMENT_LIMIT) return elements;
  throw tensorTooLarge("cuda", BYTES[type] * elements, BYTES[type] * ELEMENT_LIMIT);
}

export const sizeInBytes = (elements: number, type: NumericType): number => BYTES[type] * elements;

/** Memory on this side for what a tensor holds. */
export function room(
  elements: number,
  type: NumericType,
): { readonly values: tf.BackendValues; readonly bytes: Uint8Array } {
  const values = arrayOf(type, elements);
  return { values, bytes: new Uint8Array(values.buffer) };
}

/** TensorFlow.js hands over the type's own array, except where a caller did not care. */
export function bytesOf(values: tf.BackendValues, type: NumericType): Uint8Array {
  const given = values as ArrayLike<number>;
  const array =
    values instanceof arrayOf(type, 0).constructor
      ? (values as NumericArray)
      : convertTo(type, given);
  return bytesIn(array);
}

export const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function arrayOf(type: NumericType, elements: number): NumericArray {
  switch (type) {
    case "float32":
      return new Float32Array(elements);
    case "int32":
      return new Int32Array(elements);
    case "bool":
      return new Uint8Array(elements);
    default:
      return type satisfies never;
  }
}

function convertTo(type: NumericType, given: ArrayLike<number>): NumericArray {
  const array = arrayOf(type, given.length);
  array.set(given);
  return array;
}
