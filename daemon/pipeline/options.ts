/** What a caller asks of a run, and the defaults where it is silent. */
import type { DeviceRequest } from "../backend/index.ts";
import type { RotationScope } from "../report.ts";
import type { Objective, Pattern, PruneMethod } from "../vocabulary.ts";
import type { TaskChoice } from "./askTasks.ts";

export type ProfileChoice =
  | { readonly kind: "uniform" }
  | { readonly kind: "owl" }
  | { readonly kind: "file"; readonly path: string };

export interface PruneOptions {
  /** Hugging Face folder, its `config.json`, a `.safetensors` file or its index. */
  readonly checkpoint: string;
  /** Output folder; must not exist or be empty. Its work folder is `.denoise-rotator/<name>` beside it. */
  readonly out: string;
  readonly method?: PruneMethod;
  readonly pattern?: Pattern;
  /** How an unstructured share is spread over the layers; default uniform. A file holds one ratio for each layer. */
  readonly sparsityProfile?: ProfileChoice;
  readonly rotation?: RotationScope;
  readonly objective?: Objective;
  readonly steps?: number;
  readonly learningRate?: number;
  /** Reorder columns and neurons so that N:M groups lose less; default true. */
  readonly regroup?: boolean;
  readonly damping?: number;
  readonly blockSize?: number;
  /** Calibration text files; an empty list in a plan: they are still to be fetched. Default: `calibration.{txt,jsonl,jsonl.gz,parquet}` in the checkpoint's folder. */
  readonly calibration?: readonly string[];
  /** Text field of JSONL and Parquet rows; default `text`. */
  readonly field?: string;
  readonly samples?: number;
  readonly seqLen?: number;
  readonly sampling?: "random" | "sequential";
  readonly seed?: number;
  readonly dtype?: "keep" | "bf16" | "f16" | "f32";
  readonly maxShardBytes?: number;
  readonly device?: DeviceRequest;
  /** Continue the unfinished run of this output folder. */
  readonly resume?: boolean;
  /** Evaluation text: perplexity of the dense, the pruned-but-not-rotated and the result goes into the report. */
  readonly evaluation?: {
    readonly files: readonly string[];
    readonly seqLen?: number;
    readonly maxWindows?: number;
    /** Also prune without rotation, to compare with; default true where the run rotates. */
    readonly baseline?: boolean;
  };
  /** Zero-shot tasks: accuracies of the same models go into the report. */
  readonly tasks?: TaskChoice & {
    /** As that of `evaluation`. */
    readonly baseline?: boolean;
  };
}

export interface EvaluateOptions {
  readonly checkpoint: string;
  readonly text: readonly string[];
  readonly field?: string;
  /** Default: the model's context, at most 2048. */
  readonly seqLen?: number;
  readonly maxWindows?: number;
  readonly device?: DeviceRequest;
}
