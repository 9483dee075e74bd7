/** Statistics of one tensor's values, streamed in bounded chunks. */

import type { Pattern } from "../vocabulary.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { NumericDType } from "./dtype.ts";
import { dtypeInfo, isNumericDType } from "./dtype.ts";
import * as errors from "./errors.ts";
import { decodeFloats } from "./floats.ts";
import { PATTERN_ALIGNMENT, PatternCounter } from "./sparsityPattern.ts";

export interface TensorStatistics {
  /** All elements, NaN and Inf included. */
  readonly count: number;
  readonly zeros: number;
  /** `zeros / count`, 0 for an empty tensor. */
  readonly zerosFraction: number;
  readonly nan: number;
  /** Elements that are +Inf or −Inf. */
  readonly inf: number;
  /** Over the finite elements; null where there are none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Population standard deviation. */
  readonly std: number | null;
  /** Along the last dimension, for tensors of two or more dimensions; null where none is followed. */
  readonly pattern: Pattern | null;
}

/** Elements per chunk: 8 MiB as float64, at most 8 MiB of raw bytes. */
const CHUNK_ELEMENTS = 2 ** 20;

/**
 * @throws DenoiseError `checkpoint/no-statistics` for packed and complex types (see {@link isNumericDType}), `checkpoint/cancelled`, and those of
 *   `Checkpoint.readBytes`
 */
export async function tensorStatistics(
  checkpoint: Checkpoint,
  name: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<TensorStatistics> {
  const entry = checkpoint.tensors.get(name);
  if (!entry) throw errors.noSuchTensor(checkpoint.root, name);
  const { dtype, shape, elements } = entry;
  if (!isNumericDType(dtype)) throw errors.noStatistics(entry.file, name, dtype);
  const bytesPerElement = dtypeInfo(dtype).bits / 8;
  const moments = new Moments();
  const patterns = shape.length < 2 ? null : new PatternCounter(shape.at(-1) ?? 0);
  const step = CHUNK_ELEMENTS - (CHUNK_ELEMENTS % PATTERN_ALIGNMENT);
  for (let start = 0; start < elements; start += step) {
    if (options.signal?.aborted) throw errors.cancelled();
    const end = Math.min(elements, start + step);
    const raw = await checkpoint.readBytes(name, start * bytesPerElement, end * bytesPerElement);
    const values = toNumbers(dtype, raw);
    moments.add(values);
    patterns?.add(values);
  }
  return { count: elements, ...moments.result(elements), pattern: patterns?.pattern() ?? null };
}

/** Count, extremes and moments of a stream; means and squares are merged chunk by chunk (Chan et al. 1979). */
class Moments {
  #finite = 0;
  #zeros = 0;
  #nan = 0;
  #inf = 0;
  #min = Infinity;
  #max = -Infinity;
  #mean = 0;
  /** Sum of squared deviations from the mean. */
  #squares = 0;

  add(values: Float64Array): void {
    let [finite, zeros, nan, sum] = [0, 0, 0, 0];
    let [min, max] = [this.#min, this.#max];
    for (const v of values) {
      if (!Number.isFinite(v)) {
        if (Number.isNaN(v)) nan++;
        continue;
      }
      finite++;
      if (v === 0) zeros++;
      if (v < min) min = v;
      if (v > max) max = v;
      sum += v;
    }
    this.#zeros += zeros;
    this.#nan += nan;
    this.#inf += values.length - finite - nan;
    [this.#min, this.#max] = [min, max];
    if (finite === 0) return;

    const mean = sum / finite;
    let squares = 0;
    for (const v of values) if (Number.isFinite(v)) squares += (v - mean) ** 2;
    const total = this.#finite + finite;
    const delta = mean - this.#mean;
    this.#squares += squares + (delta ** 2 * this.#finite * finite) / total;
    this.#mean += (delta * finite) / total;
    this.#finite = total;
  }

  result(count: number): Omit<TensorStatistics, "count" | "pattern"> {
    const some = this.#finite > 0;
    return {
      zeros: this.#zeros,
      zerosFraction: count === 0 ? 0 : this.#zeros / count,
      nan: this.#nan,
      inf: this.#inf,
      min: some ? this.#min : null,
      max: some ? this.#max : null,
      mean: some ? this.#mean : null,
      std: some ? Math.sqrt(this.#squares / this.#finite) : null,
    };
  }
}

/** Values of any numeric type as float64; 64-bit integers beyond 2⁵³ are rounded. `raw` is memory of its own. */
function toNumbers(dtype: NumericDType, raw: Uint8Array<ArrayBuffer>): Float64Array {
  switch (dtype) {
    case "F64":
      return new Float64Array(raw.buffer);
    case "F32":
    case "F16":
    case "BF16":
    case "F8_E5M2":
    case "F8_E4M3":
    case "F8_E8M0":
    case "F8_E4M3FNUZ":
    case "F8_E5M2FNUZ":
      return new Float64Array(decodeFloats(dtype, raw));
    case "BOOL":
    case "U8":
      return new Float64Array(raw);
    case "I8":
      return new Float64Array(new Int8Array(raw.buffer));
    case "I16":
      return new Float64Array(new Int16Array(raw.buffer));
    case "U16":
      return new Float64Array(new Uint16Array(raw.buffer));
    case "I32":
      return new Float64Array(new Int32Array(raw.buffer));
    case "U32":
      return new Float64Array(new Uint32Array(raw.buffer));
    case "I64":
      return Float64Array.from(new BigInt64Array(raw.buffer), Number);
    case "U64":
      return Float64Array.from(new BigUint64Array(raw.buffer), Number);
    default:
      return dtype satisfies never;
  }
}
