/**
 * The page's door: what is embedded is checked once, here, before anything is drawn. `satisfies` ties the schema to
 * the types of `daemon/report.ts`, so a field that is added there and not here does not compile.
 */
import * as z from "zod/mini";
import type {
  ComparisonReport,
  Histogram,
  LayerReport,
  MatrixReport,
  Overview,
  PerplexityRow,
  Recipe,
  RunReport,
  SparsityProfile,
} from "../../daemon/report.ts";
import { OBJECTIVES, PRUNE_METHODS, ROLES, type Pattern } from "../../daemon/vocabulary.ts";

type Schema<T> = z.ZodMiniType<T>;

/** Infinity and NaN do not survive JSON: an infinite perplexity arrives as `null`. */
const measured = z.pipe(
  z.nullable(z.number()),
  z.transform((v: number | null) => v ?? Number.POSITIVE_INFINITY),
);
const number = z.number();
const text = z.string();
const natural = z.int().check(z.nonnegative());

const pattern = z.discriminatedUnion("kind", [
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

const recipe = z.object({
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

const beforeAfter = z.object({ before: number, after: number });

const matrix = z.object({
  shape: z.tuple([natural, natural]),
  zeros: natural,
  sparsity: number,
  entropy: beforeAfter,
  prunedMass: beforeAfter,
  overview: z.object({ before: overview, after: overview, mask: overview }),
  histogram: z.object({ before: histogram, after: histogram }),
}) satisfies Schema<MatrixReport>;

const layer = z.object({
  index: natural,
  entropy: beforeAfter,
  prunedMass: beforeAfter,
  matrices: z.record(z.enum(ROLES), matrix),
  curve: z.array(z.object({ step: natural, objective: z.enum(OBJECTIVES), loss: number })),
}) satisfies Schema<LayerReport>;

const perplexityRow = z.object({
  label: z.enum(["dense", "pruned", "rotated + pruned"]),
  perplexity: measured,
  tokens: natural,
  windows: natural,
  seqLen: natural,
  textSha256: text,
}) satisfies Schema<PerplexityRow>;

const runReport = z.object({
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
  fallbacks: z.array(z.object({ layer: number, role: z.enum([...ROLES, "rotation"]), what: text })),
}) satisfies Schema<RunReport>;

const comparison = z.object({
  title: text,
  dense: perplexityRow,
  rows: z.array(
    z.object({
      method: z.enum(PRUNE_METHODS),
      pattern,
      pruned: measured,
      rotated: measured,
      secondsPruned: number,
      secondsRotated: number,
      report: runReport,
      output: text,
    }),
  ),
  machine: text,
}) satisfies Schema<ComparisonReport>;

/** What `daemon/pipeline/htmlReport.ts` embeds. */
export type Payload =
  | { readonly kind: "run"; readonly report: RunReport }
  | { readonly kind: "comparison"; readonly report: ComparisonReport };

const payload = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("run"), report: runReport }),
  z.object({ kind: z.literal("comparison"), report: comparison }),
]) satisfies Schema<Payload>;

/** @throws {Error} whose message lists the first few things that are wrong, each with its path */
export function parsePayload(json: string): Payload {
  const result = payload.safeParse(JSON.parse(json));
  if (result.success) return result.data;
  const lines = result.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(lines.join("\n"));
}

function base64Bytes(data: string): number {
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}
