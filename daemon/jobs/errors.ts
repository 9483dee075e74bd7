import { coded, DenoiseError, type ErrorKind } from "../errors.ts";
import type { ErrorInfo } from "../protocol/errors.ts";
import { editorWords, inWords, subjectOf, type Text } from "../wording.ts";

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

/** As the pipeline's, which this process does not load; here the output's own job may be resumed, or none is known. */
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

/** An update deletes the old version's folder, while its daemon still runs. */
export const filesGone = (): DenoiseError =>
  failed(
    "files-gone",
    "The extension was updated or removed, and the files of the daemon that still runs went with it. When its running " +
      "job is over, the new version's daemon takes its place: try again then.",
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

/** An error between processes of the daemon: not in words yet. */
export interface SentError {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly text: Text;
}

/** Anything thrown, as it goes to another process. */
export function sendable(error: unknown): SentError {
  if (error instanceof DenoiseError) {
    const { code, kind, text } = error;
    return { code, kind, text };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "internal", kind: "failed", text: `Internal error, please report it: ${stack}` };
}

export const received = ({ code, kind, text }: SentError): DenoiseError =>
  new DenoiseError(code, kind, text);

/** In the words of an editor, as it goes to clients and onto disk. */
export function infoOf({ code, kind, text }: SentError): ErrorInfo {
  const option = subjectOf(text);
  const message = inWords(text, editorWords);
  return { code, kind, message, ...(option === null ? {} : { option }) };
}
