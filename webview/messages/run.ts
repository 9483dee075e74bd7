/**
 * A run as the pages see it: a job of the daemon, or the report of an output folder, in one shape. The host turns the
 * types of the wire into these.
 */
import * as z from "zod/mini";
import type {
  CurvePoint,
  Fallback,
  LayerReport,
  MatrixReport,
  PerplexityRow,
  Recipe,
} from "../../daemon/report.ts";
import {
  JOB_STATES,
  type JobState,
  type Role,
  ROLES,
  type Stage,
  STAGES,
} from "../../daemon/vocabulary.ts";
import {
  curvePoint,
  exactly,
  fallback,
  layerFigures,
  matrixSummary,
  natural,
  number,
  perplexityRow,
  recipe,
  type Schema,
  text,
} from "../schemas/report.ts";

/** A matrix's figures without its pictures. */
export type MatrixSummary = Omit<MatrixReport, "overview" | "histogram">;

export interface MatrixId {
  readonly layer: number;
  readonly role: Role;
}

export interface ProgressView {
  readonly stage: Stage;
  /** Layer at work, from 0, or null outside the layers. */
  readonly layer: number | null;
  readonly layers: number;
  /** 0…1. */
  readonly fraction: number;
  readonly elapsedSeconds: number;
  readonly etaSeconds: number | null;
  readonly sparsity: number | null;
  readonly hostBytes: number | null;
  readonly deviceBytes: number | null;
}

/** A job, as far as a page shows it. */
export interface JobView {
  readonly id: string;
  /** Grows with every change. */
  readonly revision: number;
  readonly state: JobState;
  /** ISO 8601. */
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly attempt: number;
  readonly resumable: boolean;
  readonly device: string | null;
  readonly progress: ProgressView | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Folder of the finished checkpoint. */
  readonly output: string | null;
  /** What is being measured, or was; null for a pruning. */
  readonly evaluation: Evaluation | null;
}

/** A perplexity measured by a job of its own. */
export interface Evaluation {
  readonly checkpoint: string;
  /** Null until it is done. */
  readonly result: Omit<PerplexityRow, "label"> | null;
}

/** A finished layer without its pictures. */
export type LayerView = Omit<LayerReport, "matrices"> & {
  readonly matrices: Readonly<Record<Role, MatrixSummary>>;
};

/** One step of the rotation being learned. */
export interface StepView extends CurvePoint {
  /** First and last layer that share this rotation. */
  readonly layers: readonly [first: number, last: number];
  readonly steps: number;
}

export interface RunView {
  /** e.g. `sample · sparsegpt 2:4` */
  readonly title: string;
  /** Null where the run is known by its report only. */
  readonly job: JobView | null;
  readonly modelType: string | null;
  /** Null before the plan is made. */
  readonly layerCount: number | null;
  readonly recipe: Recipe | null;
  /** Share asked of each layer where they differ. */
  readonly ratios: readonly number[] | null;
  readonly device: string | null;
  /** Finished layers, by index. */
  readonly layers: readonly LayerView[];
  /** Of the rotation being learned, or learned last. */
  readonly steps: readonly StepView[];
  readonly perplexity: readonly PerplexityRow[];
  readonly fallbacks: readonly Fallback[];
  readonly notes: readonly string[];
}

const progress = z.object({
  stage: z.enum(STAGES),
  layer: z.nullable(natural),
  layers: natural,
  fraction: number,
  elapsedSeconds: number,
  etaSeconds: z.nullable(number),
  sparsity: z.nullable(number),
  hostBytes: z.nullable(number),
  deviceBytes: z.nullable(number),
}) satisfies Schema<ProgressView>;

export const jobView = exactly<JobView>()(
  z.object({
    id: text,
    revision: number,
    state: z.enum(JOB_STATES),
    startedAt: z.nullable(text),
    endedAt: z.nullable(text),
    attempt: natural,
    resumable: z.boolean(),
    device: z.nullable(text),
    progress: z.nullable(progress),
    error: z.nullable(z.object({ code: text, message: text })),
    output: z.nullable(text),
    evaluation: z.nullable(
      z.object({ checkpoint: text, result: z.nullable(z.omit(perplexityRow, { label: true })) }),
    ),
  }),
);

const layerView = z.object({
  ...layerFigures,
  matrices: z.record(z.enum(ROLES), matrixSummary),
}) satisfies Schema<LayerView>;

const stepView = z.object({
  ...curvePoint.shape,
  layers: z.tuple([natural, natural]),
  steps: natural,
}) satisfies Schema<StepView>;

export const runView = exactly<RunView>()(
  z.object({
    title: text,
    job: z.nullable(jobView),
    modelType: z.nullable(text),
    layerCount: z.nullable(natural),
    recipe: z.nullable(recipe),
    ratios: z.nullable(z.array(number)),
    device: z.nullable(text),
    layers: z.array(layerView),
    steps: z.array(stepView),
    perplexity: z.array(perplexityRow),
    fallbacks: z.array(fallback),
    notes: z.array(text),
  }),
);

/** What a run tells while a page looks at it. */
export type RunUpdate =
  | { readonly type: "step"; readonly point: StepView }
  /** Replaces a layer of the same index. */
  | { readonly type: "layer"; readonly layer: LayerView }
  | { readonly type: "perplexity"; readonly row: PerplexityRow }
  | { readonly type: "fallback"; readonly fallback: Fallback }
  | { readonly type: "note"; readonly text: string };

export const runUpdate = exactly<RunUpdate>()(
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("step"), point: stepView }),
    z.object({ type: z.literal("layer"), layer: layerView }),
    z.object({ type: z.literal("perplexity"), row: perplexityRow }),
    z.object({ type: z.literal("fallback"), fallback }),
    z.object({ type: z.literal("note"), text }),
  ]),
);
