/** Between what the form holds and what a recipe says. */
import { basename, dirname, join } from "node:path";
import { readdir, stat } from "node:fs/promises";
import type { RecipeFile } from "../../daemon/protocol.ts";
import { EFFORTS, type FormValues } from "../../webview/form/messages.ts";
import { folderOf, namesIn } from "../checkpointFiles.ts";
import type { Settings } from "../settings.ts";

/** Where a person who changes nothing gets the best that is known (docs/measurements.md). */
export const defaultValues = ({ effort, device }: Settings): FormValues => ({
  method: "sparsegpt",
  sparsity: "2:4",
  rotation: "layer",
  objective: "pruned-mass",
  ...EFFORTS[effort],
  seqLen: null,
  sparsityProfile: "uniform",
  calibration: [],
  evaluation: [],
  out: null,
  device,
});

/** Absolute paths; options that are the engine's defaults are left out. */
export function recipeOf(checkpoint: string, values: FormValues, out: string): RecipeFile {
  const rotates = values.rotation !== "none";
  const share = !/^\d+:\d+$/.test(values.sparsity);
  return {
    checkpoint,
    out,
    method: values.method,
    sparsity: values.sparsity,
    rotation: values.rotation,
    ...(rotates ? { objective: values.objective, steps: values.steps } : {}),
    ...(share && values.sparsityProfile !== "uniform"
      ? { sparsityProfile: values.sparsityProfile }
      : {}),
    ...(values.calibration.length > 0 ? { calibration: values.calibration } : {}),
    samples: values.samples,
    ...(values.seqLen === null ? {} : { seqLen: values.seqLen }),
    device: values.device,
    ...(values.evaluation.length > 0 ? { evaluation: { text: values.evaluation } } : {}),
  };
}

/** `<model>-2-4-sparsegpt` beside the checkpoint; with a number where that is taken. */
export async function freeOutput(checkpoint: string, values: FormValues): Promise<string> {
  const folder = folderOf(checkpoint);
  const pattern = values.sparsity
    .trim()
    .replace(/\s*%$/, "pct")
    .replaceAll(/[^\w.]+/g, "-");
  const rotation = values.rotation === "none" ? "-unrotated" : "";
  const name = `${basename(folder)}-${pattern}-${values.method}${rotation}`;
  for (let n = 1; ; n++) {
    const path = join(dirname(folder), n === 1 ? name : `${name}-${n}`);
    if (await isFree(path)) return path;
  }
}

/** New, or an empty folder. */
async function isFree(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (!found) return true;
  return found.isDirectory() && (await readdir(path)).length === 0;
}

/** What the engine takes where no calibration text is named (`daemon/pipeline/planning.ts`). */
const CALIBRATION = [
  "calibration.txt",
  "calibration.jsonl",
  "calibration.jsonl.gz",
  "calibration.parquet",
];

export async function foundCalibration(checkpoint: string): Promise<string | null> {
  const folder = folderOf(checkpoint);
  const names = await namesIn(folder);
  const name = CALIBRATION.find((one) => names.includes(one));
  return name === undefined ? null : join(folder, name);
}
