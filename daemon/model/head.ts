/**
 * The language head: final norm, logits, and the negative log-likelihood of the next token. A vocabulary of 128k
 * times a hidden size of 8k does not fit everywhere, so scoring walks the head's rows in slices with a running
 * log-sum-exp; whole logits exist only for the few positions that ask for them.
 */
import * as tf from "@tensorflow/tfjs-core";
import { exactProduct, rmsNorm, targetLikelihood } from "../backend/index.ts";
import type { Checkpoint } from "../checkpoint/index.ts";
import type { ModelConfig } from "./config.ts";
import { readMatrix } from "./rows.ts";
import { FINAL_NORM, type EndTensors } from "./tensors.ts";
import { readVector } from "./weights.ts";

/** Largest slice of the head on the device at a time: 64 MiB of float32. */
const SLICE_ELEMENTS = 1 << 24;

export interface Head {
  readonly finalNorm: tf.Tensor1D;
  /** Consecutive row ranges of the head `[V, d]`. */
  readonly slices: readonly { readonly rowStart: number; readonly rowEnd: number }[];
  /** Loads one slice, `[rows, d]`. */
  load(slice: number): Promise<tf.Tensor2D>;
  dispose(): void;
}

export async function openHead(
  checkpoint: Checkpoint,
  config: ModelConfig,
  ends: EndTensors,
): Promise<Head> {
  const { d } = config.shape;
  const rowsPerSlice = Math.max(1, Math.floor(SLICE_ELEMENTS / d));
  const slices: { rowStart: number; rowEnd: number }[] = [];
  for (let rowStart = 0; rowStart < config.vocabSize; rowStart += rowsPerSlice) {
    slices.push({ rowStart, rowEnd: Math.min(rowStart + rowsPerSlice, config.vocabSize) });
  }
  const finalNorm = await readVector(checkpoint, FINAL_NORM);
  // A head of one slice stays on the device; longer ones are read again for each pass.
  let resident: tf.Tensor2D | null = null;
  return {
    finalNorm,
    slices,
    async load(slice) {
      const range = slices[slice];
      if (!range) throw new RangeError(`head has ${slices.length} slices, not ${slice}`);
      if (resident) return resident.clone();
      const weight = await readMatrix(checkpoint, ends.head, range);
      if (slices.length > 1) return weight;
      resident = weight;
      return resident.clone();
    },
    dispose() {
      finalNorm.dispose();
      resident?.dispose();
    },
  };
}

/**
 * Logits of `hidden [n, d]` (before the final norm) over the whole vocabulary: `[n, V]` on the host.
 */
export async function logits(
  head: Head,
  config: ModelConfig,
  hidden: tf.Tensor2D,
): Promise<Float32Array> {
  const n = hidden.shape[0];
  const out = new Float32Array(n * config.vocabSize);
  const x = rmsNorm(hidden, head.finalNorm, config.normEps);
  for (const [index, { rowStart, rowEnd }] of head.slices.entries()) {
    const weight = await head.load(index);
    const part = exactProduct(x, weight, false, true);
    const values = await part.data<"float32">();
    tf.dispose([weight, part]);
    const rows = rowEnd - rowStart;
    for (let i = 0; i < n; i++) {
      out.set(values.subarray(i * rows, (i + 1) * rows), i * config.vocabSize + rowStart);
    }
  }
  x.dispose();
  return out;
}

/** Rows of logits computed at a time, so that `[rows, slice]` stays within 64 MiB as well. */
const scoredRows = (sliceRows: number) => Math.max(1, Math.floor(SLICE_ELEMENTS / sliceRows));

/**
 * Negative log-likelihood, nats, of `targets[i]` after hidden state `i`.
 * @param hidden `[n, d]`, before the final norm
 * @param targets n token ids
 */
export async function tokenLosses(
  head: Head,
  config: ModelConfig,
  hidden: tf.Tensor2D,
  targets: Int32Array,
): Promise<Float64Array> {
  const n = targets.length;
  const x = rmsNorm(hidden, head.finalNorm, config.normEps);
  const logSumExp = new Float64Array(n).fill(-Infinity);
  const targetLogit = new Float64Array(n);
  for (const [index, { rowStart, rowEnd }] of head.slices.entries()) {
    const weight = await head.load(index);
    const rows = rowEnd - rowStart;
    const step = scoredRows(rows);
    for (let from = 0; from < n; from += step) {
      const count = Math.min(step, n - from);
      const { logSums, picked } = tf.tidy(() => {
        const block = tf.slice(x, [from, 0], [count, -1]);
        const part = tf.matMul<tf.Tensor2D>(block, weight, false, true);
        return targetLikelihood(
          part,
          Int32Array.from({ length: count }, (_, i) => (targets[from + i] ?? 0) - rowStart),
        );
      });
      const sumValues = await logSums.data<"float32">();
      const pickedValues = await picked.data<"float32">();
      tf.dispose([logSums, picked]);
      for (let i = 0; i < count; i++) {
        const at = from + i;
        logSumExp[at] = logAdd(logSumExp[at] ?? -Infinity, sumValues[i] ?? -Infinity);
        const target = targets[at] ?? -1;
        if (target >= rowStart && target < rowEnd) targetLogit[at] = pickedValues[i] ?? 0;
      }
    }
    weight.dispose();
  }
  x.dispose();
  return logSumExp.map((sum, i) => sum - (targetLogit[i] ?? 0));
}

/** log(eᵃ + eᵇ) without overflow. */
function logAdd(a: number, b: number): number {
  const high = Math.max(a, b);
  return high === -Infinity ? high : high + Math.log(Math.exp(a - high) + Math.exp(b - high));
}
