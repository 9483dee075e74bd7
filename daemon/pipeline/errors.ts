import { coded, type DenoiseError } from "../errors.ts";
import { formatBytes } from "../checkpoint/index.ts";

const usage = coded("pipeline", "usage");
const input = coded("pipeline", "input");
const failed = coded("pipeline", "failed");

export const cancelled = (resumable: boolean): DenoiseError =>
  coded("pipeline", "cancelled")(
    "cancelled",
    resumable
      ? "Cancelled. The finished layers are kept: run the same command with --resume to go on."
      : "Cancelled.",
  );

export const badOption = (option: string, what: string): DenoiseError =>
  usage("bad-option", `${option}: ${what}.`);

export const badProfile = (file: string, what: string): DenoiseError =>
  usage(
    "bad-profile",
    `--sparsity-profile: ${file} ${what}. Give uniform, owl, or a JSON file with one ratio between 0 and 1 for each ` +
      `layer, such as [0.45, 0.5, 0.55].`,
  );

export const noCalibration = (root: string): DenoiseError =>
  usage(
    "no-calibration",
    `No calibration text: give one with --calibration <file> (plain text, JSONL or Parquet, like the data the model ` +
      `was trained on), or put it into ${root} as calibration.txt.`,
  );

export const notEnoughDisk = (folder: string, needed: number, free: number): DenoiseError =>
  input(
    "not-enough-disk",
    `The run needs about ${formatBytes(needed)} on the disk of ${folder}, but only ${formatBytes(free)} are free. ` +
      `Choose an --out on another disk, or fewer --samples.`,
  );

export const notEnoughMemory = (what: string, needed: number, available: number): DenoiseError =>
  input(
    "not-enough-memory",
    `The run needs about ${formatBytes(needed)} of ${what}, but only ${formatBytes(available)} are there. ` +
      `Choose another --device, or a smaller model.`,
  );

export const unfinishedRun = (work: string): DenoiseError =>
  usage(
    "unfinished-run",
    `An unfinished run for this output lies in ${work}. Continue it with --resume, or delete that folder to start over.`,
  );

export const nothingToResume = (work: string): DenoiseError =>
  usage("nothing-to-resume", `There is no unfinished run in ${work}. Run without --resume.`);

export const resumeMismatch = (what: string, before: string, now: string): DenoiseError =>
  usage(
    "resume-mismatch",
    `The unfinished run was started with ${what} ${before}, now it is ${now}. Resume with the same options and input, ` +
      `or delete its work folder to start over.`,
  );

export const runInProgress = (lock: string, pid: number): DenoiseError =>
  usage(
    "run-in-progress",
    `Process ${pid} is working on this output already. Wait for it, or stop it first. (If it is no run of this ` +
      `program, delete ${lock}.)`,
  );

export const corruptWork = (file: string, what: string): DenoiseError =>
  failed(
    "corrupt-work",
    `${file}: ${what}. The work folder was changed from outside; delete it and start the run again.`,
  );

export const alreadyRotated = (root: string): DenoiseError =>
  input(
    "already-rotated",
    `${root} is an output of --rotation layer and has boundary matrices. Start from the original checkpoint.`,
  );

export const selfTestFailed = (difference: number, tolerance: number): DenoiseError =>
  failed(
    "self-test-failed",
    `Self-test: the logits of the rotated, unpruned model differ from the dense ones by ${difference.toExponential(2)}, ` +
      `more than ${tolerance.toExponential(2)}. No output was written. Try --device wasm, and please report it.`,
  );

export const reopenFailed = (what: string): DenoiseError =>
  failed(
    "reopen-failed",
    `The written checkpoint does not hold what was planned: ${what}. No output was left.`,
  );

export const reportNotBuilt = (file: string): DenoiseError =>
  failed(
    "report-not-built",
    `${file} is missing, so the HTML report cannot be written. Build it with: npm run build`,
  );

export const noTaskData = (tasks: readonly string[]): DenoiseError =>
  usage(
    "no-task-data",
    `The data of ${tasks.join(", ")} is not named: give the folder that holds it with --task-data.`,
  );
