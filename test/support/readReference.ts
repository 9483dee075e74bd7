/** A checkpoint's tensors as the float64 reference wants them. */
import type { Checkpoint } from "../../daemon/checkpoint/index.ts";
import type { ModelConfig } from "../../daemon/model/index.ts";
import { ROLES, type Role } from "../../daemon/vocabulary.ts";
import type { Matrix, ReferenceModel } from "./reference.ts";

const MODULE: Readonly<Record<Role, string>> = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

export async function readReference(
  checkpoint: Checkpoint,
  config: ModelConfig,
  angle: ReferenceModel["angle"],
): Promise<ReferenceModel> {
  const vector = async (name: string) => Float64Array.from(await checkpoint.readFloats(name));
  const matrix = async (name: string): Promise<Matrix> => {
    const values = await vector(name);
    const columns = checkpoint.tensors.get(name)?.shape[1] ?? 0;
    return Array.from({ length: values.length / columns }, (_, r) =>
      values.subarray(r * columns, (r + 1) * columns),
    );
  };
  const embedding = "model.embed_tokens.weight";
  const head = "lm_head.weight";
  const either = (a: string, b: string) => matrix(checkpoint.tensors.has(a) ? a : b);
  const layers = [];
  for (let i = 0; i < config.layers; i++) {
    const prefix = `model.layers.${i}`;
    const matrices: Partial<Record<Role, Matrix>> = {};
    const biases: Partial<Record<Role, Float64Array>> = {};
    const { heads, kvHeads, headDim, ffn } = config.shape;
    const [queries, keys] = [heads * headDim, kvHeads * headDim];
    if (checkpoint.tensors.has(`${prefix}.self_attn.qkv_proj.weight`)) {
      const qkv = await matrix(`${prefix}.self_attn.qkv_proj.weight`);
      matrices.q = qkv.slice(0, queries);
      matrices.k = qkv.slice(queries, queries + keys);
      matrices.v = qkv.slice(queries + keys);
      const gateUp = await matrix(`${prefix}.mlp.gate_up_proj.weight`);
      matrices.gate = gateUp.slice(0, ffn);
      matrices.up = gateUp.slice(ffn);
    }
    for (const role of ROLES) {
      matrices[role] ??= await matrix(`${prefix}.${MODULE[role]}.weight`);
      const bias = `${prefix}.${MODULE[role]}.bias`;
      if (checkpoint.tensors.has(bias)) biases[role] = await vector(bias);
    }
    layers.push({
      matrices: matrices as Record<Role, Matrix>,
      biases,
      inputNorm: await vector(`${prefix}.input_layernorm.weight`),
      postNorm: await vector(`${prefix}.post_attention_layernorm.weight`),
      headNorms: checkpoint.tensors.has(`${prefix}.self_attn.q_norm.weight`)
        ? {
            q: await vector(`${prefix}.self_attn.q_norm.weight`),
            k: await vector(`${prefix}.self_attn.k_norm.weight`),
          }
        : null,
      window: config.slidingWindows[i] ?? null,
    });
  }
  return {
    shape: config.shape,
    eps: config.normEps,
    angle,
    embedding: await either(embedding, head),
    layers,
    norm: await vector("model.norm.weight"),
    head: await either(head, embedding),
  };
}
