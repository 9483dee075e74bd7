/**
 * Tensor names of a checkpoint and the shapes its config promises. The families share one naming scheme; some store
 * several projections in one tensor.
 */
import { isWeightDType, type Checkpoint, type TensorEntry } from "../checkpoint/index.ts";
import { matrixShape, ROLES, type Role } from "../vocabulary.ts";
import type { ModelConfig } from "./config.ts";
import { missingTensor, notFloat, shapeMismatch } from "./errors.ts";

export const EMBEDDING = "model.embed_tokens.weight";
export const HEAD = "lm_head.weight";
export const FINAL_NORM = "model.norm.weight";

const MODULE: Readonly<Record<Role, string>> = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** `layerOf` of the vocabulary reads the number back. */
const layerTensor = (layer: number, rest: string) => `model.layers.${layer}.${rest}`;

/** Where no family's own row of the table says otherwise: each matrix a tensor of its own. */
export const weightName = (layer: number, role: Role) =>
  layerTensor(layer, `${MODULE[role]}.weight`);

/** A tensor `[rows of all roles, in]` with the weights of one role, or of several one below the other. */
export interface StoredMatrix {
  readonly name: string;
  readonly roles: readonly Role[];
}

/** The tensors that hold the seven matrices of a layer, in the order of their first roles. */
export function storedMatrices({ fused }: ModelConfig, layer: number): StoredMatrix[] {
  return ROLES.flatMap((role): StoredMatrix[] => {
    const shared = fused.find(({ roles }) => roles.includes(role));
    if (!shared) return [{ name: weightName(layer, role), roles: [role] }];
    const { module, roles } = shared;
    return roles[0] === role ? [{ name: layerTensor(layer, `${module}.weight`), roles }] : [];
  });
}

/** Rows of a stored tensor. */
export interface MatrixPlace {
  readonly name: string;
  readonly rowStart: number;
  readonly rowEnd: number;
}

/** Where the weights of a role lie. */
export function weightPlace(config: ModelConfig, layer: number, role: Role): MatrixPlace {
  const rows = (r: Role) => matrixShape(r, config.shape)[0];
  const stored = storedMatrices(config, layer).find(({ roles }) => roles.includes(role));
  if (!stored) throw new RangeError(`layer ${layer} has no matrix ${role}`);
  const before = stored.roles.slice(0, stored.roles.indexOf(role));
  const rowStart = before.reduce((sum, r) => sum + rows(r), 0);
  return { name: stored.name, rowStart, rowEnd: rowStart + rows(role) };
}

export const biasName = (layer: number, role: Role) => layerTensor(layer, `${MODULE[role]}.bias`);
export const inputNormName = (layer: number) => layerTensor(layer, "input_layernorm.weight");
export const postAttentionNormName = (layer: number) =>
  layerTensor(layer, "post_attention_layernorm.weight");
export const headNormName = (layer: number, role: "q" | "k") =>
  layerTensor(layer, `self_attn.${role}_norm.weight`);
/** Ours: `M [d, d]`, applied as `stream · Mᵀ` before layer `i ≥ 1` (docs/format.md). */
export const boundaryName = (layer: number) => layerTensor(layer, "input_rotation.weight");

/** Where embedding and head live: some tied checkpoints store only one of the two names. */
export interface EndTensors {
  readonly embedding: string;
  readonly head: string;
}

/**
 * Holds the tensors of a checkpoint against its config: every tensor there, in the right shape, in a float dtype.
 * @throws model/missing-tensor, model/shape-mismatch, model/not-float
 */
export function checkTensors(checkpoint: Checkpoint, config: ModelConfig): EndTensors {
  const { d } = config.shape;
  const expect = (name: string, shape: readonly number[]) => {
    const entry = checkpoint.tensors.get(name);
    if (!entry) throw missingTensor(checkpoint.root, name);
    if (!sameShape(entry, shape)) throw shapeMismatch(entry.file, name, entry.shape, shape);
    if (!isWeightDType(entry.dtype)) throw notFloat(entry.file, name, entry.dtype);
  };

  const ends = endTensors(checkpoint, config);
  expect(ends.embedding, [config.vocabSize, d]);
  expect(ends.head, [config.vocabSize, d]);
  expect(FINAL_NORM, [d]);
  for (let i = 0; i < config.layers; i++) {
    expect(inputNormName(i), [d]);
    expect(postAttentionNormName(i), [d]);
    for (const { name, roles } of storedMatrices(config, i)) {
      const shapes = roles.map((role) => matrixShape(role, config.shape));
      expect(name, [shapes.reduce((sum, [out]) => sum + out, 0), shapes[0]?.[1] ?? 0]);
    }
    for (const role of config.biases) {
      expect(biasName(i, role), [matrixShape(role, config.shape)[0]]);
    }
    if (config.headNorms) {
      expect(headNormName(i, "q"), [config.shape.headDim]);
      expect(headNormName(i, "k"), [config.shape.headDim]);
    }
    if (config.boundaries.includes(i)) expect(boundaryName(i), [d, d]);
  }
  return ends;
}

function endTensors(checkpoint: Checkpoint, config: ModelConfig): EndTensors {
  const hasEmbedding = checkpoint.tensors.has(EMBEDDING);
  const hasHead = checkpoint.tensors.has(HEAD);
  if (!config.tied) return { embedding: EMBEDDING, head: HEAD };
  if (hasEmbedding) return { embedding: EMBEDDING, head: EMBEDDING };
  return hasHead ? { embedding: HEAD, head: HEAD } : { embedding: EMBEDDING, head: EMBEDDING };
}

function sameShape(entry: TensorEntry, shape: readonly number[]): boolean {
  return entry.shape.length === shape.length && entry.shape.every((n, i) => n === shape[i]);
}
