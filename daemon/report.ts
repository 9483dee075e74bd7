/**
 * What a run leaves behind for people and programs: `denoise-report.json` in the output folder, and the data of the
 * HTML report and the webviews. Types only. A report is a function of the input, the recipe and the device, so it
 * carries no clock time: a run that was killed and resumed writes the same bytes as one that was not.
 */
import type { Objective, Pattern, PruneMethod, Role, TaskName } from "./vocabulary.ts";

export const REPORT_SCHEMA = "denoise-rotator/report@1";

/** Which layers share one R1: each its own, `every` K consecutive ones, all of them, or no rotation at all. */
export type RotationScope =
  | { readonly kind: "layer" }
  | { readonly kind: "every"; readonly layers: number }
  | { readonly kind: "global" }
  | { readonly kind: "none" };

/** How the share of an unstructured pattern is spread over the layers. */
export type SparsityProfile =
  /** Every layer the same. */
  | { readonly kind: "uniform" }
  /** Layers with more outliers among their Wanda scores keep more (OWL, arXiv:2310.05175). */
  | { readonly kind: "owl" }
  /** Given: the share to delete in each layer. */
  | { readonly kind: "file"; readonly ratios: readonly number[] };

/** Every option that influences the numbers, resolved: re-running it on the same input gives the same output. */
export interface Recipe {
  readonly method: PruneMethod;
  readonly pattern: Pattern;
  readonly profile: SparsityProfile;
  readonly rotation: RotationScope;
  readonly objective: Objective;
  readonly steps: number;
  /** Whether columns and FFN neurons are reordered for an N:M pattern; without effect on an unstructured share. */
  readonly regroup: boolean;
  /** Initial learning rate of the rotation optimizer. */
  readonly learningRate: number;
  /** Relative damping λ: `H + λ · mean(diag H) · I`. */
  readonly damping: number;
  /** SparseGPT's column block. */
  readonly blockSize: number;
  readonly samples: number;
  /** Tokens per calibration window. */
  readonly seqLen: number;
  readonly sampling: "random" | "sequential";
  readonly seed: number;
  readonly dtype: "keep" | "bf16" | "f16" | "f32";
}

/** A matrix shrunk to at most 256 × 256 cells for display. Row-major, quantised to 0…255 between `min` and `max`. */
export interface Overview {
  readonly rows: number;
  readonly cols: number;
  /** `log10` of the mean importance of a cell, or the fraction of its weights that were pruned. */
  readonly unit: "log10-importance" | "pruned-fraction";
  readonly min: number;
  readonly max: number;
  /** base64 of `rows · cols` bytes. */
  readonly data: string;
}

export interface Histogram {
  /** `log10(importance)` at the left edge of the first and the right edge of the last bin; equal bins between. */
  readonly min: number;
  readonly max: number;
  /** Weights kept and pruned in each bin. */
  readonly kept: readonly number[];
  readonly pruned: readonly number[];
}

/** A figure before and after rotation. Without rotation both are the same. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

export interface MatrixReport {
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  readonly zeros: number;
  /** zeros / (out · in), as written. */
  readonly sparsity: number;
  /** Shannon entropy of the importance, nats, summed over the axis of the paper's objective. */
  readonly entropy: BeforeAfter;
  /** Mean over the rows of the share of importance the pattern deletes, 0…1. */
  readonly prunedMass: BeforeAfter;
  readonly overview: {
    readonly before: Overview;
    readonly after: Overview;
    readonly mask: Overview;
  };
  readonly histogram: { readonly before: Histogram; readonly after: Histogram };
}

export interface LayerReport {
  readonly index: number;
  readonly entropy: BeforeAfter;
  /** Mean of the matrices' pruned mass, 0…1. */
  readonly prunedMass: BeforeAfter;
  readonly matrices: Readonly<Record<Role, MatrixReport>>;
  /** Loss by step of the R1 this layer uses (layers of one scope share it); at most 400 points. Empty if not rotated. */
  readonly curve: readonly CurvePoint[];
}

/** One step of learning a rotation. */
export interface CurvePoint {
  /** From 1. */
  readonly step: number;
  readonly objective: Objective;
  /** What was minimised: the entropy in nats, or the pruned mass summed over rows. */
  readonly loss: number;
  /**
   * Entropy of the importance in nats, summed as the paper's objective, over all layers that share the rotation: at
   * every step where it is the objective, else at the first, every tenth or so, and the last.
   */
  readonly entropy?: number | undefined;
}

/** The models that a report compares. */
export type ModelLabel = "dense" | "pruned" | "rotated + pruned";

export interface PerplexityRow {
  readonly label: ModelLabel;
  readonly perplexity: number;
  /** Scored tokens: windows · (seqLen − 1). */
  readonly tokens: number;
  readonly windows: number;
  readonly seqLen: number;
  /** SHA-256 of the evaluation text's bytes, so that figures are comparable only where they are. */
  readonly textSha256: string;
}

/** Accuracy of one model on one zero-shot task. */
export interface TaskRow {
  readonly label: ModelLabel;
  readonly task: TaskName;
  /** Version of the harness's task definition. */
  readonly version: string;
  readonly items: number;
  /** By the harness's names (`acc`, `acc_norm`): share of the items answered right, and the standard error of that. */
  readonly figures: Readonly<
    Record<string, { readonly value: number; readonly stderr: number | null }>
  >;
  /** SHA-256 of each data file, so that figures are comparable only where they are. */
  readonly dataSha256: readonly string[];
}

export interface TaskReport {
  /** Whose prompts, normalisation and token boundaries these are: name and version. */
  readonly harness: string;
  readonly rows: readonly TaskRow[];
}

/** Something that did not go as asked and was handled; never silent. */
export interface Fallback {
  readonly layer: number;
  readonly role: Role | "rotation";
  /** e.g. `damping raised from 0.01 to 0.1: the Hessian was not positive definite` */
  readonly what: string;
}

export interface SelfTest {
  /** max |logit difference| of the rotated, unpruned model against the dense one on a calibration window. */
  readonly maxAbsDifference: number;
  /** max |logit| of the dense model on that window. */
  readonly maxAbsLogit: number;
  /** The largest difference that passes; chosen in proportion to `maxAbsLogit`. */
  readonly tolerance: number;
  /** Tensors and zeros counted in the written folder after it was opened again. */
  readonly reopened: {
    readonly tensors: number;
    readonly zeros: number;
    /** Logits of the written folder against those computed while pruning; both bounds as above. */
    readonly maxAbsDifference: number;
    readonly tolerance: number;
  };
}

export interface RunReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly version: string;
  readonly source: {
    readonly name: string;
    readonly modelType: string;
    readonly layers: number;
    readonly parameters: number;
    readonly fingerprint: string;
  };
  readonly device: string;
  readonly recipe: Recipe;
  readonly calibration: {
    readonly files: readonly {
      readonly name: string;
      readonly sha256: string;
      readonly bytes: number;
    }[];
    readonly tokens: number;
  };
  readonly layers: readonly LayerReport[];
  /** Share asked of each layer, the recipe's share in the mean; null where all were pruned alike. */
  readonly ratios: readonly number[] | null;
  readonly total: {
    readonly prunable: number;
    readonly zeros: number;
    readonly sparsity: number;
    /** Bytes of the output's tensors on disk (dense, zeros included). */
    readonly bytes: number;
    /** Extra parameters of boundary matrices, 0 for `global` and `none`. */
    readonly boundaryParameters: number;
    /** What a 2:4-packed or bitmap form of the pruned matrices would take, bytes; an estimate for the reader. */
    readonly packedBytes: number;
  };
  readonly perplexity: readonly PerplexityRow[];
  /** Zero-shot accuracies; absent where none were asked for. */
  readonly tasks?: TaskReport;
  readonly selfTest: SelfTest;
  readonly fallbacks: readonly Fallback[];
}

/** One method and pattern on the page of `npm start`: the same pruning without and with rotation. */
export interface ComparisonRow {
  readonly method: PruneMethod;
  readonly pattern: Pattern;
  /** Perplexity pruned without rotation. */
  readonly pruned: number;
  /** Perplexity rotated, then pruned. */
  readonly rotated: number;
  readonly secondsPruned: number;
  readonly secondsRotated: number;
  /** The rotated run. */
  readonly report: RunReport;
  /** Folder of the rotated checkpoint. */
  readonly output: string;
}

/** Several runs on one model side by side. Unlike a run's report it holds clock times, so it is not reproducible. */
export interface ComparisonReport {
  readonly title: string;
  /** The dense model; its `tokens`, `seqLen` and `textSha256` hold for every row. */
  readonly dense: PerplexityRow;
  readonly rows: readonly ComparisonRow[];
  /** Backend and processor in words, e.g. `wasm + OpenBLAS, 2 × AMD EPYC`. */
  readonly machine: string;
}
