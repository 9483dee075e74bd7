/**
 * The written folder read back as a stranger would: every planned tensor there, every promised zero, and a window of
 * text run through it.
 */
import { countZeros, openCheckpoint, type WeightDType } from "../checkpoint/index.ts";
import { openModel } from "../model/index.ts";
import type { SelfTest } from "../report.ts";
import { reopenFailed } from "./errors.ts";
import type { PlannedTensor } from "./plan.ts";
import { testReopened } from "./selfTest.ts";

/** What the run knows of its self-test window. */
export interface ExpectedLogits {
  readonly ids: Int32Array;
  /** `[T, V]` */
  readonly logits: Float32Array;
  /** Coarsest dtype that a rotated tensor was rounded to. */
  readonly dtype: WeightDType;
}

/** @throws pipeline/reopen-failed */
export async function reopen(
  folder: string,
  tensors: readonly PlannedTensor[],
  expected: ExpectedLogits,
  signal: AbortSignal,
): Promise<SelfTest["reopened"]> {
  const checkpoint = await openCheckpoint(folder);
  try {
    let zeros = 0;
    for (const planned of tensors) {
      const found = checkpoint.tensors.get(planned.name);
      if (found?.dtype !== planned.dtype || String(found.shape) !== String(planned.shape)) {
        throw reopenFailed(`tensor ${planned.name} is not there as planned`);
      }
      if (planned.fate !== "pruned") continue;
      const counted = await countZeros(checkpoint, planned.name, { signal });
      if (counted < planned.zeros) {
        throw reopenFailed(`${planned.name} has ${counted} zeros instead of ${planned.zeros}`);
      }
      zeros += counted;
    }
    const { ids, logits, dtype } = expected;
    const compared = await testReopened(openModel(checkpoint), ids, logits, dtype);
    return { tensors: checkpoint.tensors.size, zeros, ...compared };
  } finally {
    await checkpoint.close();
  }
}
