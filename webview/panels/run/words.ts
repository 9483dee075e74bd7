/** A run's state in words. */
import { format } from "../../charts/index.ts";
import { STAGE_WORDS } from "../../../daemon/vocabulary.ts";
import type { JobView, RunView } from "../../messages.ts";

/** Where it is, or why it is not going. */
export function whereabouts({ state, progress, resumable }: JobView): string {
  switch (state) {
    case "queued":
      return "Waits for the device: another run is using it.";
    case "running":
      if (progress === null) return "Starting…";
      return progress.layer === null
        ? capital(STAGE_WORDS[progress.stage])
        : `Layer ${progress.layer + 1} of ${progress.layers}: ${STAGE_WORDS[progress.stage]}`;
    case "done":
      return "";
    case "failed":
    case "cancelled":
    case "interrupted": {
      const why = {
        failed: "It stopped with the error below.",
        cancelled: "It was cancelled.",
        interrupted: "The daemon or the machine went down while it ran.",
      }[state];
      return resumable ? `${why} Resume goes on behind the last finished layer.` : why;
    }
    default:
      return state satisfies never;
  }
}

export interface Fact {
  readonly term: string;
  readonly words: string;
}

/** Times, memory and sparsity, as far as they are known. */
export function progressFacts(run: RunView): Fact[] {
  const { job } = run;
  const progress = job?.progress ?? null;
  if (job === null || progress === null) return [];
  const facts: (Fact | null)[] = [
    job.state === "running"
      ? {
          term: "Remaining",
          words: progress.etaSeconds === null ? "not known yet" : about(progress.etaSeconds),
        }
      : null,
    {
      term: job.state === "running" ? "Elapsed" : "Took",
      words: took(job, progress.elapsedSeconds),
    },
    progress.sparsity === null
      ? null
      : {
          term: job.state === "done" ? "Zeros" : "Zeros so far",
          words: format.percent(progress.sparsity, 2),
        },
    job.state !== "running" || progress.hostBytes === null
      ? null
      : { term: "Memory", words: format.bytes(progress.hostBytes) },
    job.state !== "running" || progress.deviceBytes === null
      ? null
      : { term: "Tensors on the device", words: format.bytes(progress.deviceBytes) },
    job.attempt > 1 ? { term: "Attempt", words: String(job.attempt) } : null,
  ];
  return facts.filter((fact) => fact !== null);
}

function took({ startedAt, endedAt }: JobView, elapsed: number): string {
  if (startedAt === null || endedAt === null) return format.duration(elapsed);
  return format.duration((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
}

const about = (seconds: number): string =>
  `about ${format.duration(Math.max(1, Math.round(seconds)))}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
