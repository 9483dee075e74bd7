/**
 * Schemas of a run's report and its parts, tied to the types of `daemon/report.ts`: where a field is in one and not in
 * the other, or of another type, this does not compile.
 */
import * as z from "zod/mini";
import type {
  CurvePoint,
  Fallback,
  Histogram,
  LayerReport,
  MatrixReport,
  Overview,
  PerplexityRow,
  Recipe,
  RunReport,
  SparsityProfile,
  TaskRow,
} from "../../daemon/report.ts";
import {
  OBJECTIVES,
  PRUNE_METHODS,
  ROLES,
  TASK_NAMES,
  type Pattern,
} from "../../daemon/vocabulary.ts";

export type Schema<T> = z.ZodMiniType<T>;

/** Read-only and with every field, so that types are the same in both directions or are not. */
type Firm<T> = unknown extends T ? T : { readonly [K in keyof T]-?: Firm<T[K]> };
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? unknown : never) : never;

/**
 * The schema as it is, if what passes it is exactly `T`. `satisfies Schema<T>` alone would let it have fields that `T`
 * has not, miss optional ones, or take less than `T` may be.
 */
export const exactly =
  <T>() =>
  <S extends Schema<T>>(schema: S & Same<Firm<T>, Firm<z.output<S>>>): S =>
    schema;

/** Infinity and NaN do not survive JSON: an infinite perplexity arrives as `null`. */
export const measured = z.pipe(
  z.union([z.null(), z.number(), z.literal(Number.POSITIVE_INFINITY)]),
  z.transform((v: number | null) => v ?? Number.POSITIVE_INFINITY),
);
export const number = z.number();
export const text = z.string();
export const natural = z.int().check(z.nonnegative());

export const pattern = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("nm"), keep: natural, of: natural }),
  z.object({ kind: z.literal("unstructured"), share: number }),
]) satisfies Schema<Pattern>;

const rotation = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("layer") }),
  z.object({ kind: z.literal("every"), layers: natural }),
  z.object({ kind: z.literal("global") }),
  z.object({ kind: z.literal("none") }),
]);

const profile = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("uniform") }),
  z.object({ kind: z.literal("owl") }),
  z.object({ kind: z.literal("file"), ratios: z.array(number) }),
]) satisfies Schema<SparsityProfile>;

export const recipe = z.object({
  method: z.enum(PRUNE_METHODS),
  pattern,
  profile,
  rotation,
  objective: z.enum(OBJECTIVES),
  steps: natural,
  regroup: z.boolean(),
  learningRate: number,
  damping: number,
  blockSize: natural,
  samples: natural,
  seqLen: natural,
  sampling: z.enum(["random", "sequential"]),
  seed: number,
  dtype: z.enum(["keep", "bf16", "f16", "f32"]),
}) satisfies Schema<Recipe>;

const overview = z
  .object({
    rows: natural,
    cols: natural,
    unit: z.enum(["log10-importance", "pruned-fraction"]),
    min: number,
    max: number,
    data: text,
  })
  .check(
    z.refine((o) => base64Bytes(o.data) === o.rows * o.cols, {
      error: "the overview's data is not rows × cols bytes",
    }),
  ) satisfies Schema<Overview>;

const histogram = z
  .object({ min: number, max: number, kept: z.array(natural), pruned: z.array(natural) })
  .check(
    z.refine((hist) => hist.kept.length === hist.pruned.length, {
      error: "the histogram's kept and pruned bins differ in number",
    }),
  ) satisfies Schema<Histogram>;

export const beforeAfter = z.object({ before: number, after: number });

/** A matrix's figures, without its pictures. */
const matrixFigures = {
  shape: z.tuple([natural, natural]),
  zeros: natural,
  sparsity: number,
  entropy: beforeAfter,
  prunedMass: beforeAfter,
};
export const matrixSummary = z.object(matrixFigures) satisfies Schema<
  Omit<MatrixReport, "overview" | "histogram">
>;

export const matrixReport = exactly<MatrixReport>()(
  z.object({
    ...matrixFigures,
    overview: z.object({ before: overview, after: overview, mask: overview }),
    histogram: z.object({ before: histogram, after: histogram }),
  }),
);

export const curvePoint = z.object({
  step: natural,
  objective: z.enum(OBJECTIVES),
  loss: number,
  entropy: z.optional(number),
}) satisfies Schema<CurvePoint>;

/** A layer's figures beside those of its matrices. */
export const layerFigures = {
  index: natural,
  entropy: beforeAfter,
  prunedMass: beforeAfter,
  curve: z.array(curvePoint),
};
const layer = z.object({
  ...layerFigures,
  matrices: z.record(z.enum(ROLES), matrixReport),
}) satisfies Schema<LayerReport>;

export const perplexityRow = z.object({
  label: z.enum(["dense", "pruned", "rotated + pruned"]),
  perplexity: measured,
  tokens: natural,
  windows: natural,
  seqLen: natural,
  textSha256: text,
}) satisfies Schema<PerplexityRow>;

const taskRow = z.object({
  label: z.enum(["dense", "pruned", "rotated + pruned"]),
  task: z.enum(TASK_NAMES),
  version: text,
  items: natural,
  figures: z.record(text, z.object({ value: number, stderr: z.nullable(number) })),
  dataSha256: z.array(text),
}) satisfies Schema<TaskRow>;

export const fallback = z.object({
  layer: number,
  role: z.enum([...ROLES, "rotation"]),
  what: text,
}) satisfies Schema<Fallback>;

export const runReport = exactly<RunReport>()(
  z.object({
    schema: z.literal("denoise-rotator/report@1"),
    version: text,
    source: z.object({
      name: text,
      modelType: text,
      layers: natural,
      parameters: natural,
      fingerprint: text,
    }),
    device: text,
    recipe,
    calibration: z.object({
      files: z.array(z.object({ name: text, sha256: text, bytes: natural })),
      tokens: natural,
    }),
    layers: z.array(layer),
    ratios: z.nullable(z.array(number)),
    total: z.object({
      prunable: natural,
      zeros: natural,
      sparsity: number,
      bytes: natural,
      boundaryParameters: natural,
      packedBytes: number,
    }),
    perplexity: z.array(perplexityRow),
    tasks: z.optional(z.object({ harness: text, rows: z.array(taskRow) })),
    selfTest: z.object({
      maxAbsDifference: number,
      maxAbsLogit: number,
      tolerance: number,
      reopened: z.object({
        tensors: natural,
        zeros: natural,
        maxAbsDifference: number,
        tolerance: number,
      }),
    }),
    fallbacks: z.array(fallback),
  }),
);

function base64Bytes(data: string): number {
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}
