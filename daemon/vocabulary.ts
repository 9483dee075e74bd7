/**
 * The words every room shares: which matrices a decoder layer has, what a sparsity pattern is, which methods
 * exist. Types and constants only; the daemon's rooms, the wire protocol and the charts all speak of these.
 *
 * Notation (method.md): row-vector activations, `y = x Wᵀ`, weights `W [out, in]`, hidden size `d`, head size `hd`.
 */

/** The seven prunable matrices of a decoder layer, in the order the method prunes them. */
export const ROLES = ["q", "k", "v", "o", "gate", "up", "down"] as const;
export type Role = (typeof ROLES)[number];

/** The four distinct inputs of those matrices; matrices that read the same input share its Hessian. */
export const INPUT_KINDS = ["qkv", "o", "mlp", "down"] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

export const INPUT_OF: Readonly<Record<Role, InputKind>> = {
  q: "qkv",
  k: "qkv",
  v: "qkv",
  o: "o",
  gate: "mlp",
  up: "mlp",
  down: "down",
};

/** True-sequential groups: each is pruned after its input was collected again through the groups before it. */
export const PRUNE_GROUPS: readonly (readonly Role[])[] = [
  ["q", "k", "v"],
  ["o"],
  ["gate", "up"],
  ["down"],
];

export const PRUNE_METHODS = ["magnitude", "wanda", "sparsegpt"] as const;
export type PruneMethod = (typeof PRUNE_METHODS)[number];

/** `model_type` of the families that can be pruned; `model/architectures.ts` has a row for each. */
export const MODEL_TYPES = ["llama", "qwen2", "qwen3", "mistral", "phi3"] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** Devices that compute, in the order `auto` prefers them; `backend/select.ts` has a candidate for each. */
export const DEVICES = ["cuda", "tensorflow", "webgpu", "wasm"] as const;
export type DeviceName = (typeof DEVICES)[number];
/** What a person chooses from. */
export const DEVICE_CHOICES = ["auto", ...DEVICES] as const;
/** What follows `cuda:`, the numbers of one or more GPUs. */
export const GPU_NUMBERS = /^\d{1,2}(,\d{1,2})*$/;
/** Those, or some of several NVIDIA GPUs: `cuda:1`, `cuda:0,1`. */
export type DeviceChoice = (typeof DEVICE_CHOICES)[number] | `cuda:${string}`;

export const isDeviceChoice = (word: string): word is DeviceChoice =>
  DEVICE_CHOICES.some((choice) => choice === word) ||
  (word.startsWith("cuda:") && GPU_NUMBERS.test(word.slice("cuda:".length)));

/** The stages of a run, in order; the four in the middle repeat for every layer. */
export const STAGES = [
  "plan",
  "embed",
  "collect",
  "rotate",
  "prune",
  "propagate",
  "commit",
  "evaluate",
] as const;
export type Stage = (typeof STAGES)[number];

/** What a run does in each, for the editor. */
export const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  plan: "planning",
  embed: "reading the calibration text",
  collect: "collecting activations",
  rotate: "learning the rotation",
  prune: "pruning",
  propagate: "passing activations on",
  commit: "writing the checkpoint",
  evaluate: "measuring perplexity",
};

/**
 * `queued` waits for its device; `interrupted` was queued or running when the daemon or the machine went down.
 * `failed`, `cancelled` and `interrupted` can be resumed.
 */
export const JOB_STATES = [
  "queued",
  "running",
  "done",
  "failed",
  "cancelled",
  "interrupted",
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const JOB_STATE_NAMES: Readonly<Record<JobState, string>> = {
  queued: "Queued",
  running: "Running",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted",
};

export const OBJECTIVES = ["pruned-mass", "entropy"] as const;
export type Objective = (typeof OBJECTIVES)[number];

/** Texts that the field calibrates and measures on, by the names that stand for a file; `./c4` is a file of that name. */
export const TEXT_NAMES = ["c4", "wikitext2"] as const;
export type TextName = (typeof TEXT_NAMES)[number];

export const isTextName = (text: string): text is TextName =>
  TEXT_NAMES.some((name) => name === text);

/** Zero-shot tasks, by the harness's names. */
export const TASK_NAMES = ["piqa", "hellaswag", "arc_easy", "arc_challenge", "winogrande"] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/**
 * What to delete. `nm` keeps `keep` of every `of` consecutive weights along the input dimension (the field's
 * N:M convention); `unstructured` deletes `share` (0 < share < 1) of the weights, `floor(share · count)` exactly.
 */
export type Pattern =
  | { readonly kind: "nm"; readonly keep: number; readonly of: number }
  | { readonly kind: "unstructured"; readonly share: number };

/** Sizes of one decoder layer. `heads · headDim` may differ from `d` (explicit `head_dim`). */
export interface LayerShape {
  /** Hidden size, `hidden_size`. */
  readonly d: number;
  /** Query heads, `num_attention_heads`. */
  readonly heads: number;
  /** Key/value heads, `num_key_value_heads`; divides `heads`. */
  readonly kvHeads: number;
  /** Head size `hd`. */
  readonly headDim: number;
  /** FFN size, `intermediate_size`. */
  readonly ffn: number;
}

/** `[out, in]` of each matrix of a layer. */
export function matrixShape(role: Role, s: LayerShape): readonly [out: number, in_: number] {
  switch (role) {
    case "q":
      return [s.heads * s.headDim, s.d];
    case "k":
    case "v":
      return [s.kvHeads * s.headDim, s.d];
    case "o":
      return [s.d, s.heads * s.headDim];
    case "gate":
    case "up":
      return [s.ffn, s.d];
    case "down":
      return [s.d, s.ffn];
    default:
      return role satisfies never;
  }
}

/** Columns of the matrices that read an input. */
export const inputSize = (kind: InputKind, s: LayerShape): number =>
  ({ qkv: s.d, o: s.heads * s.headDim, mlp: s.d, down: s.ffn })[kind];

/** The layer that a tensor of a checkpoint belongs to; null for those of the model as a whole. */
export function layerOf(tensor: string): number | null {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(tensor) ?? [];
  return layer === undefined ? null : Number(layer);
}

/** `2:4` or `50%`, as people write it. */
export function patternName(p: Pattern): string {
  return p.kind === "nm" ? `${p.keep}:${p.of}` : `${+(p.share * 100).toFixed(4)}%`;
}

/**
 * `floor(share · count)`, how many weights an unstructured pattern deletes. A share that people write in decimals is
 * not exact in binary (0.29 · 100 is 28.999999999999996), so a product within rounding of a whole number counts as
 * that number.
 */
export function prunedCount(share: number, count: number): number {
  return Math.floor(share * count * (1 + 4 * Number.EPSILON));
}
