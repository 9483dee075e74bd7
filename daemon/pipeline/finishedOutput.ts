/** Whether an output is there already, whole: a run that was killed between its last rename and its tidying up. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { REPORT_SCHEMA, type RunReport } from "../report.ts";
import { workPath } from "../runFiles.ts";
import { hasRun, removeWork } from "./workFolder.ts";

export interface FinishedOutput {
  readonly output: string;
  readonly report: RunReport;
}

/** The output folder appears by one rename, so a report in it says that all of it is there. Tidies up behind it. */
export async function finishedOutput(out: string): Promise<FinishedOutput | null> {
  const output = resolve(out);
  const file = join(output, "denoise-report.json");
  if (!existsSync(file)) return null;
  const report: unknown = JSON.parse(await readFile(file, "utf8"));
  if (!isOurs(report)) return null;
  const work = workPath(output);
  if (hasRun(work)) await removeWork(work);
  return { output, report };
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
