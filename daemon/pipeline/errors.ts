import { coded, type DenoiseError } from "../errors.ts";
import { formatBytes } from "../checkpoint/index.ts";
import {
  action,
  firstAction,
  given,
  label,
  option,
  text,
  type OptionName,
  type Text,
} from "../wording.ts";

const usage = coded("pipeline", "usage");
const input = coded("pipeline", "input");
const failed = coded("pipeline", "failed");

export const cancelled = (resumable: boolean): DenoiseError =>
  coded("pipeline", "cancelled")(
    "cancelled",
    resumable
      ? text`Cancelled. The finished layers are kept: ${action("resume")} to go on.`
      : "Cancelled.",
  );

export const badOption = (name: OptionName, what: Text): DenoiseError =>
  usage("bad-option", text`${label(name)}: ${what}.`);

export const badProfile = (file: string, what: Text): DenoiseError =>
  usage(
    "bad-profile",
    text`${label("sparsityProfile")}: ${file} ${what}. Give uniform, owl, or a JSON file with one ratio
      between 0 and 1 for each layer, such as [0.45, 0.5, 0.55].`,
  );

export const noCalibration = (root: string): DenoiseError =>
  usage(
    "no-calibration",
    text`No calibration text: give one ${given("calibration", "file")} (plain text, JSONL or Parquet, like the data
      the model was trained on), or put it into ${root} as calibration.txt.`,
  );

export const notEnoughDisk = (folder: string, needed: number, free: number): DenoiseError =>
  input(
    "not-enough-disk",
    text`The run needs about ${formatBytes(needed)} on the disk of ${folder}, but only ${formatBytes(free)} are free:
      ${formatBytes(needed - free)} too little. Choose an ${option("out")} on another disk, or fewer
      ${option("samples")}.`,
  );

export const notEnoughMemory = (what: string, needed: number, available: number): DenoiseError =>
  input(
    "not-enough-memory",
    text`The run needs about ${formatBytes(needed)} of ${what}, but only ${formatBytes(available)} are there:
      ${formatBytes(needed - available)} too little. Choose another ${option("device")}, or a smaller model.`,
  );

export const unfinishedRun = (work: string): DenoiseError =>
  usage(
    "unfinished-run",
    text`An unfinished run for this output lies in ${work}. ${firstAction("resume")}, or delete that folder to start
      over.`,
  );

export const nothingToResume = (work: string): DenoiseError =>
  usage(
    "nothing-to-resume",
    text`There is no unfinished run in ${work}. ${firstAction("startAnew")}.`,
  );

/** @param difference as it follows "was started with" */
export const resumeMismatch = (work: string, difference: string): DenoiseError =>
  usage(
    "resume-mismatch",
    `The unfinished run in ${work} was started with ${difference}. Resume with the same options and input, or delete ` +
      `that folder to start over.`,
  );

/** @param difference as it follows "was started with" */
export const finishedOtherwise = (output: string, difference: string): DenoiseError =>
  usage(
    "finished-otherwise",
    `${output} is whole already, but the run that made it was started with ${difference}. Choose another output, or ` +
      `move that folder away to start over.`,
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
    text`${root} is an output of ${option("rotation", "layer")} and has boundary matrices.
      Start from the original checkpoint.`,
  );

export const selfTestFailed = (difference: number, tolerance: number): DenoiseError =>
  failed(
    "self-test-failed",
    text`Self-test: the logits of the rotated, unpruned model differ from the dense ones by
      ${difference.toExponential(2)}, more than ${tolerance.toExponential(2)}. No output was written.
      Try ${option("device", "wasm")}, and please report it.`,
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
    text`The data of ${tasks.join(", ")} is not named: give the folder that holds it,
      ${given("tasks.data", "folder")}.`,
  );
