/** Jobs: pruning and evaluation runs, their states, and what they tell while they go. */
import type { DeviceRequest } from "../backend/index.ts";
import type { Plan } from "../pipeline/index.ts";
import type {
  BeforeAfter,
  CurvePoint,
  Fallback,
  LayerReport,
  MatrixReport,
  PerplexityRow,
} from "../report.ts";
import type { JobState, Role, Stage } from "../vocabulary.ts";
import type { ErrorInfo } from "./errors.ts";
import type { IndexRange, Tile } from "./checkpoints.ts";
import { notificationType, requestType, type WorkDone } from "./message.ts";
import type { RecipeFile, RecipeSource } from "./recipes.ts";

export { JOB_STATES, type JobState } from "../vocabulary.ts";

export interface EvaluateRequest {
  readonly checkpoint: string;
  readonly text: readonly string[];
  readonly field?: string;
  readonly seqLen?: number;
  readonly maxWindows?: number;
  readonly device?: DeviceRequest;
}

/** What a job was asked to do; all paths absolute. */
export type JobRequest =
  | { readonly kind: "prune"; readonly recipe: RecipeFile }
  | { readonly kind: "evaluate"; readonly evaluate: EvaluateRequest };

export interface JobProgress {
  readonly stage: Stage;
  /** Layer at work, from 0, or null outside the layers. */
  readonly layer: number | null;
  readonly layers: number;
  /** Share of the run that is done, 0…1, never falling. */
  readonly fraction: number;
  /** Since this attempt started. */
  readonly elapsedSeconds: number;
  /** Null until there is something to extrapolate from. */
  readonly etaSeconds: number | null;
  /** Share of zeros in the matrices pruned so far; null before the first layer. */
  readonly sparsity: number | null;
  /** Resident memory of the worker, and bytes of the tensors it holds on its device; null before the first look. */
  readonly hostBytes: number | null;
  readonly deviceBytes: number | null;
}

export type JobResult =
  | {
      readonly kind: "prune";
      /** Folder of the new checkpoint; `denoise-report.html` and `.json` are in it. */
      readonly output: string;
      readonly sparsity: number;
      readonly bytes: number;
      readonly seconds: Readonly<Partial<Record<Stage, number>>>;
    }
  | {
      readonly kind: "evaluate";
      readonly perplexity: number;
      readonly tokens: number;
      readonly windows: number;
      readonly seqLen: number;
      readonly textSha256: string;
      readonly device: string;
      readonly seconds: number;
    };

export interface JobInfo {
  readonly id: string;
  /** Grows with every change of this job, over restarts of the daemon too. */
  readonly revision: number;
  readonly state: JobState;
  readonly request: JobRequest;
  /** For lists: `stories260K · sparsegpt 2:4`. */
  readonly title: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** 1 for the first, one more for each resume. */
  readonly attempt: number;
  /** `RESUME` will go on: a pruning from its last finished layer, an evaluation from its start. */
  readonly resumable: boolean;
  /** What computes, in words; null before it is open. */
  readonly device: string | null;
  readonly progress: JobProgress | null;
  /** Why it failed or was cancelled. */
  readonly error: ErrorInfo | null;
  readonly result: JobResult | null;
  /** Folder of the unfinished run's finished layers, where there is one. */
  readonly work: string | null;
  /** Text file with what the worker printed. */
  readonly log: string;
}

/** A layer's figures without its pictures; those come with {@link LAYER} and {@link MATRIX}. */
export interface LayerSummary {
  readonly index: number;
  readonly entropy: BeforeAfter;
  readonly prunedMass: BeforeAfter;
  readonly matrices: Readonly<Record<Role, Omit<MatrixReport, "overview" | "histogram">>>;
  readonly curve: readonly CurvePoint[];
}

/** One step of the rotation being learned. */
export interface StepPoint extends CurvePoint {
  /** First and last layer that share this rotation. */
  readonly layers: readonly [first: number, last: number];
  readonly steps: number;
}

export interface JobDetail {
  readonly job: JobInfo;
  /** Without the list of tensors; null before the plan is made, and for evaluations. */
  readonly plan: Omit<Plan, "tensors"> | null;
  /** By index. */
  readonly layers: readonly LayerSummary[];
  /** Of the rotation learned last or now; at most the newest {@link MAX_STEPS}. */
  readonly steps: readonly StepPoint[];
  readonly perplexity: readonly PerplexityRow[];
  readonly fallbacks: readonly Fallback[];
  readonly notes: readonly string[];
}

export const MAX_STEPS = 4096;

/** Something a job told, in order. */
export type JobUpdate =
  | { readonly type: "plan"; readonly plan: Omit<Plan, "tensors"> }
  | { readonly type: "step"; readonly point: StepPoint }
  /** Replaces a summary of the same index. */
  | { readonly type: "layer"; readonly layer: LayerSummary }
  | { readonly type: "perplexity"; readonly row: PerplexityRow }
  | { readonly type: "fallback"; readonly fallback: Fallback }
  | { readonly type: "note"; readonly text: string };

// ── Requests ────────────────────────────────────────────────────────────────────────────────────────────────────

/** All jobs, newest first, and the notifications below from now on. */
export const ATTACH = requestType<Record<string, never>, { readonly jobs: readonly JobInfo[] }>(
  "jobs/attach",
);

interface Waiting extends WorkDone {
  /**
   * Answer only when the job has ended: with the done job, or with its error. Progress goes to `workDoneToken`, and
   * cancelling the request cancels the job. Without it the answer is the queued job.
   */
  readonly wait?: boolean;
}

export type PruneParams = RecipeSource &
  Waiting & {
    /**
     * Go on with an unfinished run of the same output, of a job that was stopped or of the command line (without it:
     * `pipeline/unfinished-run`, and nothing is queued).
     */
    readonly resume?: boolean;
  };
/** Checks the recipe, and queues a pruning. */
export const PRUNE = requestType<PruneParams, JobInfo>("jobs/prune");

export type EvaluateParams = EvaluateRequest & Waiting;
export const EVALUATE = requestType<EvaluateParams, JobInfo>("jobs/evaluate");

export interface JobParams {
  readonly id: string;
}
/** Answers within 2 s with the job cancelled (or done, if it was faster); finished layers are kept. */
export const CANCEL = requestType<JobParams, JobInfo>("jobs/cancel");

/** Queues a failed, cancelled or interrupted job again. */
export const RESUME = requestType<JobParams & Waiting, JobInfo>("jobs/resume");

export interface RemoveParams extends JobParams {
  /** Also delete the finished layers of a run that is not done. Default false. */
  readonly deleteWork?: boolean;
}
/** Takes a job that is not queued or running out of the history. An output folder is never touched. */
export const REMOVE = requestType<RemoveParams, Record<string, never>>("jobs/remove");

export const DETAIL = requestType<JobParams, JobDetail>("jobs/detail");

/** A finished layer with all its pictures: about 1.5 MB for a large model. */
export const LAYER = requestType<JobParams & { readonly layer: number }, LayerReport>("jobs/layer");

/** One matrix of a finished layer, with importance before and after rotation, mask and histograms. */
export const MATRIX = requestType<
  JobParams & { readonly layer: number; readonly role: Role },
  MatrixReport
>("jobs/matrix");

/**
 * | kind | `exact: true`, one cell a weight | `exact: false` |
 * |---|---|---|
 * | `before`, `after` | importance s = w² c before and after rotation, float32 | mean of s over the cell, float32 |
 * | `written` | the weight as written, 0 where pruned, float32 | mean of w² over the cell, float32 |
 * | `zeros` | 255 where it was pruned, else 0, uint8 | share of zeros · 255, rounded, uint8 |
 */
export const MATRIX_TILE_KINDS = ["before", "after", "written", "zeros"] as const;
export type MatrixTileKind = (typeof MATRIX_TILE_KINDS)[number];

export interface MatrixTileParams {
  /** A job, or the output folder of one that is done. */
  readonly source: { readonly job: string } | { readonly output: string };
  readonly layer: number;
  readonly role: Role;
  readonly kind: MatrixTileKind;
  /** Part of the matrix; the whole by default. `after` is computed as it is asked for: at most 256 × 256. */
  readonly rows?: IndexRange;
  readonly cols?: IndexRange;
}

/** A part of a finished matrix by its place in the model, whatever tensor holds it. Before and after rotation. */
export const MATRIX_TILE = requestType<MatrixTileParams, Tile>("jobs/matrixTile");

/** The end of the job's log, at most 64 KiB. */
export const LOG = requestType<JobParams, { readonly text: string }>("jobs/log");

// ── Notifications, to connections that attached ─────────────────────────────────────────────────────────────────

/** A job is new, or anything but its progress changed. */
export const JOB_CHANGED = notificationType<{ readonly job: JobInfo }>("jobs/changed");

export const JOB_REMOVED = notificationType<JobParams>("jobs/removed");

/** At most about ten a second for a job. */
export const JOB_PROGRESS = notificationType<{
  readonly id: string;
  readonly revision: number;
  readonly progress: JobProgress;
}>("jobs/progress");

/** At most about ten a second for a job; nothing is left out. */
export const JOB_UPDATES = notificationType<{
  readonly id: string;
  readonly updates: readonly JobUpdate[];
}>("jobs/updates");
