/** How many weights of a tensor are exactly zero, told from their bits: nothing is decoded. */
import type { Checkpoint } from "./checkpoint.ts";
import { isWeightDType } from "./dtype.ts";
import * as errors from "./errors.ts";

/** Bytes read at a time; a multiple of every element size. */
const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * @returns weights that are +0 or −0
 * @throws DenoiseError `checkpoint/no-such-tensor`, `checkpoint/not-float`, `checkpoint/cancelled`, and those of
 *   `Checkpoint.readBytes`
 */
export async function countZeros(
  checkpoint: Checkpoint,
  name: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const entry = checkpoint.tensors.get(name);
  if (!entry) throw errors.noSuchTensor(checkpoint.root, name);
  const { dtype, bytes } = entry;
  if (!isWeightDType(dtype)) throw errors.notFloat(entry.file, name, dtype);
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  let zeros = 0;
  for (let at = 0; at < bytes; at += buffer.byteLength) {
    if (options.signal?.aborted) throw errors.cancelled();
    const raw = await checkpoint.readInto(name, buffer, at);
    switch (dtype) {
      case "F64":
        for (const x of new Float64Array(raw.buffer, 0, raw.byteLength / 8)) if (x === 0) zeros++;
        break;
      case "F32":
        zeros += zeroCodes(new Uint32Array(raw.buffer, 0, raw.byteLength / 4), 0x7fffffff);
        break;
      case "F16":
      case "BF16":
        zeros += zeroCodes(new Uint16Array(raw.buffer, 0, raw.byteLength / 2), 0x7fff);
        break;
      default:
        return dtype satisfies never;
    }
  }
  return zeros;
}

/** @param magnitude all bits but the sign */
function zeroCodes(codes: Uint16Array | Uint32Array, magnitude: number): number {
  let zeros = 0;
  // By index: iterating takes ten times as long, over every weight of the output.
  for (let i = codes.length; i-- > 0;) if (((codes[i] ?? 0) & magnitude) === 0) zeros++;
  return zeros;
}
