/** The report of an output folder, read and checked once for each state of the file. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunReport } from "../../daemon/report.ts";
import { runReportSchema } from "../../webview/messages.ts";
import { REPORT_FILE } from "./views.ts";
import { noReport } from "./errors.ts";

interface Kept {
  readonly path: string;
  readonly stamp: number;
  readonly report: Promise<RunReport>;
}
/** One is enough: pages of one run ask many times, several runs are looked at in turn. */
let kept: Kept | null = null;

/** @throws DaemonError `panels/no-report` */
export async function readReport(folder: string): Promise<RunReport> {
  const path = join(folder, REPORT_FILE);
  try {
    const { mtimeMs: stamp } = await stat(path);
    if (kept?.path !== path || kept.stamp !== stamp) {
      const report = readFile(path, "utf8").then((text) => runReportSchema.parse(JSON.parse(text)));
      kept = { path, stamp, report };
    }
    return await kept.report;
  } catch (error) {
    kept = null;
    throw noReport(folder, error);
  }
}
