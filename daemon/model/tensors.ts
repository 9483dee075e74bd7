/**
 * Tensor names of a checkpoint and the shapes its config promises. LLaMA, Qwen2 and Mistral share one naming scheme.
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

const layerTensor = (layer: number, rest: string) => `model.layers.${layer}.${rest}`;

export const weightName = (layer: number, role: Role) =>
  layerTensor(layer, `${MODULE[role]}.weight`);
export const biasName = (layer: number, role: Role) => layerTensor(layer, `${MODULE[role]}.bias`);
export const inputNormName = (layer: number) => layerTensor(layer, "input_layernorm.weight");
export const postAttentionNormName = (layer: number) =>
  layerTensor(layer, "post_attention_layernorm.weight");
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
    for (const role of ROLES) {
      const shape = matrixShape(role, config.shape);
      expect(weightName(i, role), shape);
      if (config.biases.includes(role)) expect(biasName(i, role), [shape[0]]);
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
