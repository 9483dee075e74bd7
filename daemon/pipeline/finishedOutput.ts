/** Whether an output is there already, whole: a run that was killed between its last rename and its tidying up. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fingerprint, type Checkpoint } from "../checkpoint/index.ts";
import { REPORT_SCHEMA, type Recipe, type RunReport } from "../report.ts";
import { workPath } from "../runFiles.ts";
import { fingerprint as textFingerprint } from "../text/index.ts";
import { finishedOtherwise } from "./errors.ts";
import type { PruneOptions } from "./options.ts";
import { calibrationFiles } from "./recipe.ts";
import { firstDifference } from "./runIdentity.ts";
import { hasRun, removeWork } from "./workFolder.ts";

export interface FinishedOutput {
  readonly output: string;
  readonly report: RunReport;
}

/**
 * The output folder appears by one rename, so a report in it says that all of it is there. Tidies up behind it.
 *
 * @param accept throws where it is not the output that was meant
 */
export async function finishedOutput(
  out: string,
  accept?: (finished: FinishedOutput) => Promise<void>,
): Promise<FinishedOutput | null> {
  const output = resolve(out);
  const file = join(output, "denoise-report.json");
  if (!existsSync(file)) return null;
  const report: unknown = JSON.parse(await readFile(file, "utf8"));
  if (!isOurs(report)) return null;
  const finished = { output, report };
  await accept?.(finished);
  const work = workPath(output);
  if (hasRun(work)) await removeWork(work);
  return finished;
}

/**
 * Device and version may be others: there is nothing left to do for them.
 *
 * @throws pipeline/finished-otherwise where the run asked for would have made another output
 */
export async function assertMadeBy(
  { output, report }: FinishedOutput,
  asked: {
    readonly options: PruneOptions;
    readonly recipe: Recipe;
    readonly checkpoint: Checkpoint;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { options, recipe, checkpoint, signal } = asked;
  const texts =
    recipe.method === "magnitude"
      ? []
      : (await textFingerprint(calibrationFiles(options, checkpoint.root), signal)).files;
  const difference = firstDifference(
    {
      recipe: report.recipe,
      fingerprint: report.source.fingerprint,
      calibration: report.calibration.files.map(({ sha256 }) => sha256),
    },
    {
      recipe,
      fingerprint: await fingerprint(checkpoint),
      calibration: texts.map(({ sha256 }) => sha256),
    },
  );
  if (difference !== null) throw finishedOtherwise(output, difference);
}

/** Written by us in one piece: the schema's name is what there is to check. */
function isOurs(value: unknown): value is RunReport {
  return (
    typeof value === "object" &&
    value !== null &&
    "schema" in value &&
    value.schema === REPORT_SCHEMA
  );
}
