/** How runs are put into words: states, stages, durations, sizes. */
import type { JobInfo, JobProgress } from "../../daemon/protocol.ts";
import { STAGE_WORDS } from "../../daemon/vocabulary.ts";

/** `42 %`; 100 only when it is over. */
export const percent = (fraction: number): string =>
  `${Math.floor(Math.min(0.99, fraction) * 100)} %`;

export function stageText({ stage, layer, layers }: JobProgress): string {
  const word: string = STAGE_WORDS[stage];
  return layer === null ? word : `layer ${layer + 1} of ${layers}: ${word}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24)} days`;
}

/** Decimal, as file managers and `ls --si` count. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toPrecision(3)} ${units[unit] ?? "TB"}`;
}

/** `wasm` of `wasm with OpenBLAS 0.3.21 (/usr/lib/…), 2 threads`. */
export const shortDevice = (description: string): string =>
  /^[\w.-]+/.exec(description)?.[0] ?? description;

/** One line about where a run stands, for lists. */
export function standing(job: JobInfo): string {
  const { state, progress, result, error } = job;
  switch (state) {
    case "running": {
      if (!progress) return "starting";
      const left = progress.etaSeconds === null ? "" : ` · ${duration(progress.etaSeconds)} left`;
      return `${percent(progress.fraction)}${left} · ${stageText(progress)}`;
    }
    case "queued":
      return "waits for its device";
    case "interrupted":
    case "cancelled":
      return progress ? `at ${percent(progress.fraction)}` : "before it began";
    case "failed":
      return withoutPath(firstLine(error?.message ?? "failed"));
    case "done":
      if (result?.kind === "evaluate") return `perplexity ${result.perplexity.toPrecision(4)}`;
      return result ? `${(result.sparsity * 100).toFixed(1)} % zeros` : "done";
    default:
      return state satisfies never;
  }
}

/** `/a/model.safetensors: tensor x …` → `tensor x …`: in a narrow list a path would be all that is seen. */
const withoutPath = (text: string): string => text.replace(/^(\/|[A-Za-z]:\\)[^:\n]*: /, "");

/** `/a/model.safetensors: tensor x …` → `model.safetensors: tensor x …` */
export const withShortPath = (text: string): string =>
  text.replace(/^(?:\/|[A-Za-z]:\\)[^:\n]*[/\\]([^/\\:\n]+): /, "$1: ");

export const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
