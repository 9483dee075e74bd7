/** The report's sentences: what figures mean and what they do not. Plain functions of the report, so tests can read them. */
import type { PerplexityRow, Recipe, RotationScope, RunReport } from "../../daemon/report.ts";
import { patternName, type Pattern, type PruneMethod, type Role } from "../../daemon/vocabulary.ts";
import { format, recovered } from "../charts/index.ts";

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
export function perplexityMeaning(row: PerplexityRow): string {
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

/** Which axes of a matrix the rotation mixes: there, a row or column before is not the same one after. */
export function rotatedAxes(role: Role): string {
  switch (role) {
    case "q":
    case "k":
    case "gate":
    case "up":
      return "Rotation mixes the input columns: column j after rotation is a new direction, not column j before. Rows stay where they are.";
    case "v":
    case "o":
      return "Rotation mixes rows and columns of this matrix: a cell after rotation is not the same weights as the cell before.";
    case "down":
      return "Rotation mixes the output rows: row i after rotation is a new direction, not row i before. Columns stay where they are.";
    default:
      return role satisfies never;
  }
}

export interface Fact {
  readonly term: string;
  readonly words: string;
}

/** What the written checkpoint gives and what it does not. */
export function consequences(report: RunReport): Fact[] {
  const { recipe, total } = report;
  const sameSize: Fact = {
    term: "On disk",
    words:
      `An ordinary dense checkpoint with zeros in it: ${format.bytes(total.bytes)}, no smaller than before. ` +
      `Packed (kept values and their positions) the pruned matrices would take about ${format.bytes(total.packedBytes)}; that is an estimate, nothing packed was written.`,
  };
  return [sameSize, speed(recipe.pattern), loading(report), quality(recipe)];
}

function speed(pattern: Pattern): Fact {
  const is24 = pattern.kind === "nm" && pattern.keep === 2 && pattern.of === 4;
  return {
    term: "Speed",
    words: is24
      ? "2:4 is the one pattern that NVIDIA GPUs since Ampere multiply faster, and only in a runtime that packs the weights first: TensorRT-LLM, or PyTorch's semi-structured sparsity. " +
        "vLLM has dropped its 2:4 path. Loaded anywhere else the model runs at dense speed."
      : "No mainstream GPU runtime multiplies this pattern faster than a dense matrix. What it gives is zeros: for compression, for engines on CPUs that skip them, for research. For GPU speed prune 2:4.",
  };
}

function loading(report: RunReport): Fact {
  const { rotation } = report.recipe;
  const plain =
    "Loads wherever the original does. No sparsity_config is written, because runtimes without a sparse path refuse to load one.";
  switch (rotation.kind) {
    case "none":
    case "global":
      return { term: "Loading", words: plain };
    case "layer":
    case "every": {
      const added = report.total.boundaryParameters;
      const share = added / report.source.parameters;
      return {
        term: "Loading",
        words:
          `Where the rotation changes between layers the checkpoint holds a matrix that a plain model class does not know: ${format.count(added)} parameters, ${format.percent(share)} more. ` +
          "Transformers loads it with trust_remote_code and the modelling file beside it. For a plain checkpoint without that cost rotate globally.",
      };
    }
    default:
      return rotation satisfies never;
  }
}

function quality(recipe: Recipe): Fact {
  return {
    term: "Quality",
    words: isRotated(recipe)
      ? "Perplexity on one text is not task accuracy, and rotation does not help every model on every task. Evaluate on what you will use the model for, with the unrotated run beside it."
      : "Perplexity on one text is not task accuracy. Evaluate on what you will use the model for.",
  };
}

/** The self-test as a sentence, and whether it passed. */
export function selfTestWords(report: RunReport): {
  readonly passed: boolean;
  readonly words: string;
} {
  const { maxAbsDifference, maxAbsLogit, tolerance, reopened } = report.selfTest;
  const passed = maxAbsDifference <= tolerance;
  const exact = (v: number): string => (v === 0 ? "0" : v.toExponential(1).replace("-", "\u2212"));
  const logits = isRotated(report.recipe)
    ? `Logits of the rotated, unpruned model against the dense one: largest difference ${exact(maxAbsDifference)}, allowed ${exact(tolerance)}; the largest logit is ${maxAbsLogit.toFixed(1)}.`
    : "Nothing was rotated, so there were no logits to compare.";
  return {
    passed,
    words: `${logits} The written folder was opened again: ${format.count(reopened.tensors)} tensors, ${format.count(reopened.zeros)} zeros; its logits differ by at most ${exact(reopened.maxAbsDifference)} from those computed while pruning (rounding; allowed ${exact(reopened.tolerance)}).`,
  };
}

export function recipeFacts(report: RunReport): Fact[] {
  const r = report.recipe;
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
    { term: "Pattern", words: patternWords(r.pattern, report.ratios) },
    ...profileFacts(report),
    { term: "Rotation", words: scopeWords(r.rotation) },
    ...optimizer,
    ...sparseGpt,
    {
      term: "Calibration",
      words: `${format.count(r.samples)} ${r.sampling} windows of ${format.count(r.seqLen)} tokens, ${format.count(report.calibration.tokens)} in all`,
    },
    { term: "Seed", words: String(r.seed) },
    { term: "Stored as", words: r.dtype === "keep" ? "the input's own types" : r.dtype },
    { term: "Device", words: report.device },
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
function profileFacts({ recipe, ratios }: RunReport): Fact[] {
  if (ratios === null) return [];
  const why =
    recipe.profile.kind === "owl"
      ? "more outliers among a layer's Wanda scores, more kept (OWL)"
      : "as given in a file";
  const shares = ratios.map((ratio) => format.percent(ratio, 1)).join(", ");
  return [{ term: "Share of each layer", words: `${shares}; ${why}` }];
}
