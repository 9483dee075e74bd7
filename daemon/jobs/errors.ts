import { coded, DenoiseError } from "../errors.ts";
import type { ErrorInfo } from "../protocol/errors.ts";

const usage = coded("jobs", "usage");
const failed = coded("jobs", "failed");
const input = coded("jobs", "input");

export const noSuchJob = (id: string): DenoiseError =>
  usage("no-such-job", `There is no job ${JSON.stringify(id)}. It may have been removed.`);

export const notActive = (id: string, state: string): DenoiseError =>
  usage("not-active", `Job ${id} is ${state}: there is nothing to cancel.`);

export const notResumable = (id: string, state: string): DenoiseError =>
  usage("not-resumable", `Job ${id} is ${state}: only stopped and failed jobs can be resumed.`);

export const stillActive = (id: string, state: string): DenoiseError =>
  usage("still-active", `Job ${id} is ${state}: cancel it before you remove it.`);

export const outputInUse = (out: string, id: string): DenoiseError =>
  usage("output-in-use", `Job ${id} writes to ${out} already. Choose another output folder.`);

/** Of the same code as the pipeline's, which says it in the command line's words. */
export const unfinishedRun = (work: string): DenoiseError =>
  coded("pipeline", "usage")(
    "unfinished-run",
    `An unfinished run for this output lies in ${work}. Continue that run, or choose another output folder.`,
  );

export const noSuchLayer = (id: string, layer: number): DenoiseError =>
  input("no-such-layer", `Job ${id} has not finished layer ${layer}.`);

export const nothingWritten = (id: string, tensor: string): DenoiseError =>
  input("nothing-written", `Job ${id} has not written tensor ${JSON.stringify(tensor)} yet.`);

export const cancelled = (): DenoiseError => coded("jobs", "cancelled")("cancelled", "Cancelled.");

export const helperEnded = (detail: string): DenoiseError =>
  failed(
    "helper-ended",
    `The process that plans and looks for devices ended: ${detail}. Try again.`,
  );

/** @param tail the last it printed */
export function workerCrashed(
  code: number | null,
  signal: NodeJS.Signals | null,
  tail: string,
): DenoiseError {
  const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
  const hint =
    signal === "SIGKILL"
      ? " Where nobody killed it, the system ran out of memory: see the estimate of a dry run."
      : "";
  const printed = tail === "" ? "" : ` The last it printed:\n${tail}`;
  return failed(
    "worker-crashed",
    `The worker process ended unexpectedly (${how}).${hint} Finished layers are kept: resume to go on.${printed}`,
  );
}

export const infoOf = ({ code, kind, message }: DenoiseError): ErrorInfo => ({
  code,
  kind,
  message,
});

export const errorOf = ({ code, kind, message }: ErrorInfo): DenoiseError =>
  new DenoiseError(code, kind, message);

/** Anything thrown, as it goes to another process or onto disk. */
export function anyErrorInfo(error: unknown): ErrorInfo {
  if (error instanceof DenoiseError) return infoOf(error);
  return {
    code: "internal",
    kind: "failed",
    message: `Internal error, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  };
}
