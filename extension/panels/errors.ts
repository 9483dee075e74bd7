/** What goes wrong between a page and its host, each with a code and a text that says what to do. */
import { DaemonError } from "../errors.ts";

export const noReport = (folder: string, cause: unknown): DaemonError =>
  new DaemonError(
    "panels/no-report",
    "input",
    `${folder} holds no denoise-report.json that this version can read. It is written at the end of a pruning; prune again to get one.`,
    { cause },
  );

export const noLayer = (folder: string, layer: number): DaemonError =>
  new DaemonError("panels/no-layer", "usage", `The report in ${folder} has no layer ${layer}.`);

export const notAsked = (method: string): DaemonError =>
  new DaemonError("panels/not-asked", "usage", `This page may not ask for “${method}”.`);
