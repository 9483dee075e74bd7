/**
 * The engine's texts speak of the command line's flags. Over the wire they speak to people in an editor, who have a
 * form, recipes and buttons: here, where texts leave, flags become the editor's words.
 */
import type { ErrorInfo } from "../protocol/errors.ts";
import type { JobDetail, JobInfo, JobUpdate } from "../protocol/jobs.ts";

/** Whole turns of phrase, which would not be sentences with one word replaced. The first that fits is taken. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/run the same command with --resume/g, "resume the run"],
  [/Run again with --resume/g, "Resume the run"],
  [/run with --resume/g, "resume the run"],
  [/Continue it with --resume/g, "Continue that run"],
  [/Run without --resume/g, "Start a new one"],
  [/ with --calibration <file>/g, ""],
  [/ with --task-data <file>/g, " as tasks.data in a recipe"],
  [/ another with --device/g, " another device"],
  [/ an --out /g, " an output folder "],
  [/`denoise-rotator devices`/g, "“Show Devices”"],
];

/** In the middle of a sentence; others have the name they have in a recipe. */
const WORDS: Readonly<Record<string, string>> = {
  out: "output folder",
  samples: "calibration windows",
  calibration: "calibration text",
  "learning-rate": "learning rate",
  "task-data": "tasks.data in a recipe",
  "sparsity-profile": "sparsity of the layers",
};

const VALUE =
  /(?<![\w/-])--(device|rotation|sparsity) (auto|cuda(?::\d+)?|webgpu|wasm|tensorflow|layer|global|none|\d+%)/g;

/** The flags of this project's commands that a text may name; another program's, such as `pip --upgrade`, stay. */
const FLAG =
  /(?<![\w/-])--(block-size|calibration|damping|device|learning-rate|out|resume|rotation|samples|seed|seq-len|sparsity-profile|sparsity|steps|task-data)\b(:?)/g;

/** `--seq-len: 1 is below 2` → `seqLen: 1 is below 2`; `Try --device wasm` → `Try device “wasm”`. */
export function editorWords(text: string): string {
  // A text without flags is most of them.
  if (!text.includes("--") && !text.includes("`denoise-rotator")) return text;
  const phrased = PHRASES.reduce((now, [flag, words]) => now.replace(flag, words), text);
  return phrased
    .replace(VALUE, (_, flag: string, value: string, at: number) =>
      inSentence(`${flag} “${value}”`, phrased, at),
    )
    .replace(FLAG, (_, flag: string, colon: string, at: number, whole: string) => {
      if (colon !== "") return `${optionName(flag)}:`;
      return inSentence(WORDS[flag] ?? optionName(flag), whole, at);
    });
}

const inSentence = (words: string, text: string, at: number): string =>
  /[.!?] $/.test(text.slice(0, at)) ? words.charAt(0).toUpperCase() + words.slice(1) : words;

const optionName = (flag: string): string =>
  flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Anything with remarks for people, such as a plan. */
export const withNotes = <T extends { readonly notes: readonly string[] }>(told: T): T => ({
  ...told,
  notes: told.notes.map(editorWords),
});

const errorWords = (error: ErrorInfo): ErrorInfo => ({
  ...error,
  message: editorWords(error.message),
});

export const jobWords = (job: JobInfo): JobInfo =>
  job.error === null ? job : { ...job, error: errorWords(job.error) };

export const detailWords = (detail: JobDetail): JobDetail => ({
  ...withNotes(detail),
  job: jobWords(detail.job),
  plan: detail.plan && withNotes(detail.plan),
});

export function updateWords(update: JobUpdate): JobUpdate {
  if (update.type === "note") return { ...update, text: editorWords(update.text) };
  return update.type === "plan" ? { ...update, plan: withNotes(update.plan) } : update;
}
