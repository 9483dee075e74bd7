/** The sentences that report and panels share: methods, patterns, rotations and perplexities in words. */
import type { PerplexityRow, Recipe, RotationScope } from "../daemon/report.ts";
import { patternName, type Pattern, type PruneMethod, type Role } from "../daemon/vocabulary.ts";
import { format, recovered } from "./charts/index.ts";

export const METHOD_NAMES: Readonly<Record<PruneMethod, string>> = {
  magnitude: "Magnitude",
  wanda: "Wanda",
  sparsegpt: "SparseGPT",
};

export function isRotated(recipe: Pick<Recipe, "rotation">): boolean {
  return recipe.rotation.kind !== "none";
}

/** The share of weights the pattern prunes, 0…1. */
export function prunedShare(pattern: Pattern): number {
  return pattern.kind === "nm" ? 1 - pattern.keep / pattern.of : pattern.share;
}

/** The share asked of one layer: its own where they differ. */
export function layerShare(
  pattern: Pattern,
  ratios: readonly number[] | null,
  layer: number,
): number {
  return ratios?.[layer] ?? prunedShare(pattern);
}

/** `2:4` or `50 %`, spaced as every other share on the page. */
export function patternText(pattern: Pattern): string {
  return patternName(pattern).replace("%", "\u202f%");
}

export function methodAndPattern(method: PruneMethod, pattern: Pattern): string {
  return `${METHOD_NAMES[method]} ${patternText(pattern)}`;
}

export function scopeWords(scope: RotationScope): string {
  switch (scope.kind) {
    case "layer":
      return "one rotation per layer";
    case "every":
      return `one rotation per ${scope.layers} layers`;
    case "global":
      return "one rotation for all layers";
    case "none":
      return "not rotated";
    default:
      return scope satisfies never;
  }
}

/** How a perplexity was measured; without it the figure cannot be compared with anything. */
export function perplexityMeaning(row: Omit<PerplexityRow, "label">): string {
  return (
    `Perplexity is exp of the mean negative log-likelihood of a token; lower is better. ` +
    `The text is cut into windows of ${format.count(row.seqLen)} tokens, each scored on its own without its first token: ` +
    `${format.count(row.windows)} windows, ${format.count(row.tokens)} scored tokens. ` +
    `Comparable only with figures for the same text (SHA-256 ${row.textSha256.slice(0, 12)}…), tokenizer and window length.`
  );
}

/** The result in one sentence, or nothing where it was not measured. */
export function verdict(dense: number, pruned: number, rotated: number): string {
  const share = recovered(dense, pruned, rotated);
  if (share === undefined) return "";
  if (share < 0) {
    return `Here rotation made it worse: perplexity ${format.perplexity(rotated)} instead of ${format.perplexity(pruned)}. Use the checkpoint pruned without it.`;
  }
  return `Rotation undoes ${format.percent(share, 0)} of the harm that pruning does, measured in log-perplexity.`;
}

/** Whether a run may have put the neurons of the FFN into another order: for an N:M pattern, unless it was told not to. */
export function reordersNeurons({ pattern, regroup, rotation }: Recipe): boolean {
  return pattern.kind === "nm" && regroup && rotation.kind !== "none";
}

/**
 * Which axes of a matrix the rotation mixes: there, a row or column before is not the same one after.
 * @param reordered neurons stand in another order after rotation
 */
export function rotatedAxes(role: Role, reordered: boolean): string {
  const kept = (axis: "Rows" | "Columns"): string =>
    reordered ? `${axis} are the same neurons in another order.` : `${axis} stay where they are.`;
  switch (role) {
    case "q":
    case "k":
      return "Rotation mixes the input columns: column j after rotation is a new direction, not column j before. Rows stay where they are.";
    case "gate":
    case "up":
      return `Rotation mixes the input columns: column j after rotation is a new direction, not column j before. ${kept("Rows")}`;
    case "v":
    case "o":
      return "Rotation mixes rows and columns of this matrix: a cell after rotation is not the same weights as the cell before.";
    case "down":
      return `Rotation mixes the output rows: row i after rotation is a new direction, not row i before. ${kept("Columns")}`;
    default:
      return role satisfies never;
  }
}

export interface Fact {
  readonly term: string;
  readonly words: string;
}

/** What a recipe's facts are told from; null where it is not known yet. */
export interface RecipeContext {
  readonly recipe: Recipe;
  readonly ratios: readonly number[] | null;
  readonly device: string | null;
  readonly calibrationTokens: number | null;
}

export function recipeFacts({
  recipe: r,
  ratios,
  device,
  calibrationTokens,
}: RecipeContext): Fact[] {
  const optimizer: Fact[] = isRotated(r)
    ? [
        { term: "Objective", words: r.objective },
        { term: "Steps", words: format.count(r.steps) },
        { term: "Learning rate", words: String(Number(r.learningRate.toPrecision(3))) },
        ...(r.pattern.kind === "nm"
          ? [{ term: "Columns and neurons regrouped", words: r.regroup ? "yes" : "no" }]
          : []),
      ]
    : [];
  const sparseGpt: Fact[] =
    r.method === "sparsegpt"
      ? [
          { term: "Damping", words: String(r.damping) },
          { term: "Block size", words: format.count(r.blockSize) },
        ]
      : [];
  return [
    { term: "Method", words: METHOD_NAMES[r.method] },
    { term: "Pattern", words: patternWords(r.pattern, ratios) },
    ...profileFacts(r, ratios),
    { term: "Rotation", words: scopeWords(r.rotation) },
    ...optimizer,
    ...sparseGpt,
    {
      term: "Calibration",
      words: `${format.count(r.samples)} ${r.sampling} windows of ${format.count(r.seqLen)} tokens${calibrationTokens === null ? "" : `, ${format.count(calibrationTokens)} in all`}`,
    },
    { term: "Seed", words: String(r.seed) },
    { term: "Stored as", words: r.dtype === "keep" ? "the input's own types" : r.dtype },
    ...(device === null ? [] : [{ term: "Device", words: device }]),
  ];
}

function patternWords(pattern: Pattern, ratios: readonly number[] | null): string {
  if (pattern.kind === "nm") {
    return `${patternText(pattern)}, ${pattern.keep} of every ${pattern.of} weights along the input are kept`;
  }
  return ratios === null
    ? `${patternText(pattern)} of the weights of every matrix, anywhere`
    : `${patternText(pattern)} of all weights, anywhere, more in some layers than in others`;
}

/** How much each layer gave, where they differ. */
function profileFacts(recipe: Recipe, ratios: readonly number[] | null): Fact[] {
  if (ratios === null) return [];
  const why =
    recipe.profile.kind === "owl"
      ? "more outliers among a layer's Wanda scores, more kept (OWL)"
      : "as given in a file";
  const shares = ratios.map((ratio) => format.percent(ratio, 1)).join(", ");
  return [{ term: "Share of each layer", words: `${shares}; ${why}` }];
}
