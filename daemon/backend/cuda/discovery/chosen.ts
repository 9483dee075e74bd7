/** Which of the machine's GPUs compute. */
import { gpuTooOld, noSuchGpu } from "../../errors.ts";
import type { GpuInfo } from "../runtime.ts";
import { describeGpu } from "./describe.ts";

/** The oldest that has TF32 and bfloat16 (Ampere). */
const OLDEST_CAPABILITY = 8;

export const isTooOld = ({ capability: [major] }: GpuInfo): boolean => major < OLDEST_CAPABILITY;

export interface Chosen {
  readonly ordinal: number;
  readonly gpu: GpuInfo;
}

/**
 * @param ordinals as asked for, each taken once; by default the first that is new enough
 * @throws backend/no-such-gpu; backend/gpu-too-old
 */
export function chosenGpus(
  gpus: readonly GpuInfo[],
  ordinals?: readonly number[],
  env: NodeJS.ProcessEnv = process.env,
): Chosen[] {
  const first = Math.max(
    0,
    gpus.findIndex((gpu) => !isTooOld(gpu)),
  );
  return [...new Set(ordinals ?? [first])].map((ordinal) => {
    const gpu = gpus[ordinal];
    if (gpu === undefined) {
      throw noSuchGpu(ordinal, gpus.map(describeGpu), env.CUDA_VISIBLE_DEVICES);
    }
    if (isTooOld(gpu)) throw gpuTooOld(ordinal, gpus.map(describeGpu));
    return { ordinal, gpu };
  });
}
