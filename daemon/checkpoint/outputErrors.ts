/**
 * Everything that can go wrong with what is written: one factory per failure, and {@link outputError}, which turns
 * the operating system's error into one of them.
 */

import { DenoiseError, coded } from "../errors.ts";
import { formatBytes } from "./formatBytes.ts";

const usage = coded("checkpoint", "usage");
const failed = coded("checkpoint", "failed");

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

// ── Where the output may go ─────────────────────────────────────────────────────────────────────────────────────

export const outputInsideInput = (out: string, input: string): DenoiseError =>
  usage(
    "output-inside-input",
    `${out}: is inside the input folder ${input}, which is never written to. Choose an output folder beside it.`,
  );

export const outputContainsInput = (out: string, input: string): DenoiseError =>
  usage(
    "output-contains-input",
    `${out}: contains the input ${input}. Choose an output folder beside the input.`,
  );

export const outputExists = (out: string): DenoiseError =>
  usage(
    "output-exists",
    `${out}: already exists and is not empty. Choose another output folder, or delete this one first.`,
  );

export const outputNotFolder = (out: string): DenoiseError =>
  usage("output-not-folder", `${out}: is a file. Choose an output folder.`);

export const outputIsCurrent = (out: string): DenoiseError =>
  usage(
    "output-is-current-folder",
    `${out}: is the folder you are in. The finished output takes the place of an empty folder, and you would be left ` +
      "in one that is gone. Go to another folder first, or choose another output folder.",
  );

export const outputLinkBroken = (out: string): DenoiseError =>
  usage(
    "output-link-broken",
    `${out}: is a link to a place that is not there. Remove the link, or choose another output folder.`,
  );

export const outputReadOnly = (path: string, cause: unknown): DenoiseError =>
  usage(
    "output-read-only",
    `${path}: cannot be written to (${reason(cause)}). Change its permissions or choose another output folder.`,
    cause,
  );

export const outputNameTooLong = (path: string, cause: unknown): DenoiseError =>
  usage(
    "output-name-too-long",
    `${path}: this name is too long for the file system, where the folder has ".partial" behind it until it is whole. ` +
      `Choose a shorter one.`,
    cause,
  );

// ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const diskFull = (
  path: string,
  needed: number,
  free: number | null,
  cause?: unknown,
): DenoiseError =>
  failed(
    "disk-full",
    `${path}: the disk is full: ${formatBytes(needed)} are needed` +
      `${free === null ? "" : `, ${formatBytes(free)} are free`}. Free some space or choose another disk; what is ` +
      "finished so far is kept and the run can be resumed.",
    cause,
  );

export const writeFailed = (path: string, cause: unknown): DenoiseError =>
  failed("write-failed", `${path}: writing failed (${reason(cause)}). Check the disk.`, cause);

/** Maps an error of `node:fs` on an output path; `needed` is the size in bytes of all that was to be written. */
export function outputError(path: string, needed: number, cause: unknown): DenoiseError {
  if (cause instanceof DenoiseError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return diskFull(path, needed, null, cause);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return outputReadOnly(path, cause);
    case "ENAMETOOLONG":
      return outputNameTooLong(path, cause);
    case "EEXIST":
    case "ENOTEMPTY":
      return outputExists(path);
    default:
      return writeFailed(path, cause);
  }
}

// ── Mistakes of the caller: these are bugs, not a person's input ────────────────────────────────────────────────

export const planDuplicate = (tensor: string): DenoiseError =>
  failed("plan-duplicate", `The output plan names the tensor "${tensor}" twice.`);

export const planShape = (tensor: string, detail: string): DenoiseError =>
  failed("plan-shape", `The output plan's tensor "${tensor}" ${detail}.`);

export const planHeaderTooLarge = (file: string, bytes: number): DenoiseError =>
  failed(
    "plan-header-too-large",
    `${file}: would need a header of ${bytes} bytes, more than the format's 100,000,000. Use smaller shards.`,
  );

export const notPlanned = (tensor: string): DenoiseError =>
  failed("not-planned", `The tensor "${tensor}" is not in the output plan.`);

export const writeOutOfRange = (
  tensor: string,
  offset: number,
  length: number,
  bytes: number,
): DenoiseError =>
  failed(
    "write-out-of-range",
    `Tensor "${tensor}" has ${bytes} bytes; ${length} bytes at ${offset} do not fit.`,
  );

export const writtenTwice = (tensor: string, offset: number): DenoiseError =>
  failed("written-twice", `Bytes of tensor "${tensor}" at ${offset} were written twice.`);

export const incomplete = (tensor: string, missing: number): DenoiseError =>
  failed(
    "incomplete",
    `Tensor "${tensor}" was not written completely: ${missing} bytes are missing.`,
  );

export const writerClosed = (dir: string): DenoiseError =>
  failed("writer-closed", `${dir}: the output was already finished, given up, or failed.`);

export const badSize = (text: string): DenoiseError =>
  usage("bad-size", `"${text}" is not a size. Write a number with a unit: 5GB, 500MB, 2GiB.`);
