/** Recipes: what a person asks of a pruning, as `*.denoise.json` on disk and on the wire; and the plan of one. */
import type { DeviceRequest } from "../backend/index.ts";
import type { Plan } from "../pipeline/index.ts";
import type { Objective, PruneMethod, TaskName } from "../vocabulary.ts";
import { requestType, type WorkDone } from "./message.ts";

/** Suffix of a recipe file's name. */
export const RECIPE_SUFFIX = ".denoise.json";

/**
 * A recipe file. The options and their words are those of the command line; what is left out has the same default.
 * `daemon/recipe/schema.ts` documents and checks each.
 */
export interface RecipeFile {
  /** Hugging Face folder, its `config.json`, a `.safetensors` file or its index. */
  readonly checkpoint: string;
  /** Output folder; new, or empty. */
  readonly out: string;
  readonly method?: PruneMethod;
  /** `"2:4"` keeps 2 of every 4; `"50%"`, `"0.5"` or `0.5` deletes a share. */
  readonly sparsity?: string | number;
  /** `"uniform"`, `"owl"`, or a JSON file with one ratio for each layer. */
  readonly sparsityProfile?: string;
  /** `"layer"`, `"every:K"`, `"global"` or `"none"`. */
  readonly rotation?: string;
  readonly objective?: Objective;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly regroup?: boolean;
  readonly damping?: number;
  readonly blockSize?: number;
  readonly calibration?: string | readonly string[];
  readonly field?: string;
  readonly samples?: number;
  readonly seqLen?: number;
  readonly sampling?: "random" | "sequential";
  readonly seed?: number;
  readonly dtype?: "keep" | "bf16" | "f16" | "f32";
  /** Bytes, or text such as `"5GB"`. */
  readonly maxShardSize?: string | number;
  readonly device?: DeviceRequest;
  readonly evaluation?: {
    readonly text: string | readonly string[];
    readonly seqLen?: number;
    readonly maxWindows?: number;
    readonly baseline?: boolean;
  };
  readonly tasks?: {
    readonly names: readonly TaskName[];
    /** Folder with the data sets' files, or the file of the one task; fetched from the hub unless given. */
    readonly data?: string;
    readonly limit?: number;
    readonly baseline?: boolean;
  };
}

/**
 * Where a recipe comes from: a file, whose relative paths are taken from its folder, or a value, whose relative paths
 * are taken from `folder` (without it, paths must be absolute).
 */
export type RecipeSource =
  { readonly file: string } | { readonly recipe: RecipeFile; readonly folder?: string };

/** The checked recipe with all paths absolute, e.g. to fill a form. */
export const READ_RECIPE = requestType<RecipeSource, { readonly recipe: RecipeFile }>(
  "recipe/read",
);

/**
 * Dry run: the plan of a recipe from headers alone, with the time measured on its device. Fails as the run would
 * before its work, but for what disk and memory are short of: that is told as `shortages`. Takes about a second the
 * first time, less while the form is open.
 */
export const PLAN = requestType<RecipeSource & WorkDone, Plan>("recipe/plan");
