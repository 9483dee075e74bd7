/** One complete safetensors file at once: the per-layer files of a running job. */

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder } from "./durable.ts";
import { writeFully } from "./fileAccess.ts";
import * as errors from "./outputErrors.ts";
import type { TensorSpec } from "./plan.ts";
import { planSingleFile } from "./plan.ts";

export interface TensorData extends TensorSpec {
  readonly data: Uint8Array;
}

/**
 * Writes `path`: to a temporary sibling, flushed, then renamed. Whoever finds the file finds it complete, whenever
 * the process was killed. An existing file is replaced. Equal input gives equal bytes.
 *
 * @throws DenoiseError `checkpoint/write-out-of-range` where `data` has not the size its shape needs,
 *   `checkpoint/disk-full`, `checkpoint/output-read-only`, `checkpoint/write-failed`, `checkpoint/plan-*`
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorData[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const target = resolve(path);
  const plan = planSingleFile(basename(target), tensors, metadata);
  const temporary = join(dirname(target), `.${basename(target)}.partial`);
  try {
    const handle = await open(temporary, "w");
    try {
      for (const { head } of plan.files) await writeFully(handle, head, 0);
      for (const { name, data } of tensors) {
        const planned = plan.tensors.get(name);
        if (!planned) throw errors.notPlanned(name);
        if (data.byteLength !== planned.bytes) {
          throw errors.writeOutOfRange(name, 0, data.byteLength, planned.bytes);
        }
        await writeFully(handle, data, planned.offset);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw errors.outputError(target, plan.totalBytes, cause);
  }
}
