/** The written folder read back as a stranger would: every planned tensor there, and every promised zero. */
import { openCheckpoint, tensorStatistics } from "../checkpoint/index.ts";
import { reopenFailed } from "./errors.ts";
import type { PlannedTensor } from "./plan.ts";

export interface Reopened {
  readonly tensors: number;
  readonly zeros: number;
}

/** @throws pipeline/reopen-failed */
export async function reopen(
  folder: string,
  tensors: readonly PlannedTensor[],
  signal: AbortSignal,
): Promise<Reopened> {
  const checkpoint = await openCheckpoint(folder);
  try {
    let zeros = 0;
    for (const planned of tensors) {
      const found = checkpoint.tensors.get(planned.name);
      if (found?.dtype !== planned.dtype || String(found.shape) !== String(planned.shape)) {
        throw reopenFailed(`tensor ${planned.name} is not there as planned`);
      }
      if (planned.fate !== "pruned") continue;
      const counted = (await tensorStatistics(checkpoint, planned.name, { signal })).zeros;
      if (counted < planned.zeros) {
        throw reopenFailed(`${planned.name} has ${counted} zeros instead of ${planned.zeros}`);
      }
      zeros += counted;
    }
    return { tensors: checkpoint.tensors.size, zeros };
  } finally {
    await checkpoint.close();
  }
}
