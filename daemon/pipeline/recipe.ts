/** Options → {@link Recipe}: every default filled in, every value held against the model before any work. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertPatternFits, defaultLearningRate } from "../method/index.ts";
import type { Model } from "../model/index.ts";
import type { Recipe, RotationScope, SparsityProfile } from "../report.ts";
import { patternName, type Objective, type Pattern, type PruneMethod } from "../vocabulary.ts";
import { option, text, type OptionName } from "../wording.ts";
import { alreadyRotated, badOption, badProfile, noCalibration } from "./errors.ts";
import type { PruneOptions } from "./options.ts";
import { readProfileFile } from "./profileFile.ts";

/** Defaults; those of the rotation are measured in docs/measurements.md. */
export const DEFAULTS = {
  method: "sparsegpt",
  pattern: { kind: "nm", keep: 2, of: 4 },
  rotation: { kind: "layer" },
  objective: "pruned-mass",
  steps: { "pruned-mass": 200, entropy: 400 },
  regroup: true,
  damping: 0.01,
  blockSize: 128,
  samples: 128,
  seqLen: 2048,
  sampling: "random",
  seed: 0,
  dtype: "keep",
  maxShardBytes: 5_000_000_000,
  device: "auto",
} as const;

export const defaultSteps = (objective: Objective): number => DEFAULTS.steps[objective];

export interface ResolvedRecipe {
  readonly recipe: Recipe;
  readonly notes: readonly string[];
}

/** @throws pipeline/bad-option, pipeline/already-rotated, method/… for a pattern that does not divide a matrix */
export function resolveRecipe(options: PruneOptions, model: Model): ResolvedRecipe {
  const { config } = model;
  if (config.boundaries.length > 0) throw alreadyRotated(model.checkpoint.root);
  const notes: string[] = [];
  const objective = options.objective ?? DEFAULTS.objective;
  const rotation = resolveScope(options.rotation ?? DEFAULTS.rotation, config.layers);
  const method = options.method ?? DEFAULTS.method;
  const { pattern, profile, note } = resolveProfile(options, method, config.layers);
  if (note !== null) notes.push(note);
  assertPatternFits(pattern, config.shape, model.checkpoint.root);

  let seqLen = options.seqLen ?? DEFAULTS.seqLen;
  if (seqLen > config.maxPositions) {
    notes.push(`Sequence length ${seqLen} cut to the model's context of ${config.maxPositions}.`);
    seqLen = config.maxPositions;
  }
  const recipe: Recipe = {
    method,
    pattern,
    profile,
    rotation,
    objective,
    steps: rotation.kind === "none" ? 0 : (options.steps ?? defaultSteps(objective)),
    regroup:
      rotation.kind !== "none" && pattern.kind === "nm" && (options.regroup ?? DEFAULTS.regroup),
    learningRate: options.learningRate ?? defaultLearningRate(config.shape.d),
    damping: options.damping ?? DEFAULTS.damping,
    blockSize: options.blockSize ?? DEFAULTS.blockSize,
    samples: options.samples ?? DEFAULTS.samples,
    seqLen,
    sampling: options.sampling ?? DEFAULTS.sampling,
    seed: options.seed ?? DEFAULTS.seed,
    dtype: options.dtype ?? DEFAULTS.dtype,
  };
  checkRanges(recipe);
  return { recipe, notes };
}

interface ResolvedProfile {
  readonly pattern: Pattern;
  readonly profile: SparsityProfile;
  readonly note: string | null;
}

/** How far the mean of a file's ratios may be from the share that is asked for beside it. */
const MEAN_TOLERANCE = 5e-4;

/**
 * A file of ratios says by itself how much is deleted, if no pattern does.
 * @throws pipeline/bad-option, pipeline/bad-profile
 */
function resolveProfile(
  options: PruneOptions,
  method: PruneMethod,
  layers: number,
): ResolvedProfile {
  const choice = options.sparsityProfile ?? { kind: "uniform" };
  const pattern = options.pattern ?? DEFAULTS.pattern;
  if (choice.kind === "uniform") return { pattern, profile: choice, note: null };
  if (pattern.kind === "nm" && (choice.kind === "owl" || options.pattern)) {
    throw badOption(
      "sparsityProfile",
      text`with ${patternName(pattern)} every group of every layer gives the same, so there is nothing to spread;
        ask for a share such as ${option("sparsity", "50%")}`,
    );
  }
  if (choice.kind === "owl") {
    if (method === "magnitude") {
      throw badOption(
        "sparsityProfile",
        "owl looks at activations, magnitude does not; take wanda or sparsegpt",
      );
    }
    return { pattern, profile: choice, note: null };
  }
  const ratios = readProfileFile(choice.path, layers);
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / layers;
  if (pattern.kind === "unstructured" && Math.abs(mean - pattern.share) > MEAN_TOLERANCE) {
    throw badProfile(
      choice.path,
      text`deletes ${percent(mean)} in the mean, but ${option("sparsity")} asks for ${patternName(pattern)}`,
    );
  }
  const share = pattern.kind === "unstructured" ? pattern.share : mean;
  const range = `${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`;
  return {
    pattern: { kind: "unstructured", share },
    profile: { kind: "file", ratios },
    note: `Layers are pruned by ${range}, ${percent(share)} in all, as ${choice.path} says.`,
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function resolveScope(scope: RotationScope, layers: number): RotationScope {
  if (scope.kind !== "every") return scope;
  if (!Number.isInteger(scope.layers) || scope.layers < 1) {
    throw badOption("rotation", `every:K needs a whole number of layers K ≥ 1`);
  }
  if (scope.layers === 1) return { kind: "layer" };
  return scope.layers >= layers ? { kind: "global" } : scope;
}

function checkRanges(r: Recipe): void {
  const whole = (name: OptionName, value: number, least: number) => {
    if (!Number.isSafeInteger(value) || value < least) {
      throw badOption(name, `${value} is not a whole number of at least ${least}`);
    }
  };
  whole("steps", r.steps, 0);
  whole("blockSize", r.blockSize, 1);
  whole("samples", r.samples, 1);
  whole("seqLen", r.seqLen, 2);
  whole("seed", r.seed, 0);
  if (!(r.learningRate > 0)) throw badOption("learningRate", `${r.learningRate} is not positive`);
  if (!(r.damping > 0 && r.damping <= 1)) {
    throw badOption("damping", `${r.damping} is not above 0 and at most 1`);
  }
  if (r.pattern.kind === "nm" && r.blockSize < r.pattern.of) {
    const { keep, of } = r.pattern;
    throw badOption(
      "blockSize",
      `${r.blockSize} columns hold no group of ${keep}:${of}; ${of} is the least`,
    );
  }
}

/** Layers that share one R1, in order: `[first, end)`. */
export function scopes(rotation: RotationScope, layers: number): (readonly [number, number])[] {
  const size = scopeSize(rotation, layers);
  const ranges: [number, number][] = [];
  for (let first = 0; first < layers; first += size) {
    ranges.push([first, Math.min(first + size, layers)]);
  }
  return ranges;
}

function scopeSize(rotation: RotationScope, layers: number): number {
  switch (rotation.kind) {
    case "layer":
    case "none":
      return 1;
    case "every":
      return rotation.layers;
    case "global":
      return layers;
    default:
      return rotation satisfies never;
  }
}

const CALIBRATION_NAMES = ["txt", "jsonl", "jsonl.gz", "parquet"].map((s) => `calibration.${s}`);

/** The files given, or the calibration text that lies beside the checkpoint. @throws pipeline/no-calibration */
export function calibrationFiles(options: PruneOptions, root: string): readonly string[] {
  if (options.calibration && options.calibration.length > 0) return options.calibration;
  const found = CALIBRATION_NAMES.map((name) => join(root, name)).find((path) => existsSync(path));
  if (!found) throw noCalibration(root);
  return [found];
}
