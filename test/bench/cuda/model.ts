/** A random LLaMA of any size on disk, in BF16, in seconds. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointWriter, encodeFloats, planShards } from "../../../daemon/checkpoint/index.ts";
import { weightName } from "../../../daemon/model/index.ts";
import { matrixShape, ROLES, type LayerShape } from "../../../daemon/vocabulary.ts";
import { TINY_VOCABULARY, writeTinyModel } from "../../support/tinyModel.ts";
import { normals } from "./shapes.ts";

interface Planned {
  readonly name: string;
  readonly shape: readonly [rows: number, cols: number] | readonly [size: number];
  readonly scale: number;
}

/** Config and tokenizer are the tests' own tiny model's, at another size. @returns the checkpoint's folder */
export async function writeRandomModel(
  folder: string,
  shape: LayerShape,
  layers: number,
  seqLen: number,
): Promise<string> {
  const { d } = shape;
  const tensors: Planned[] = [
    { name: "model.embed_tokens.weight", shape: [TINY_VOCABULARY, d], scale: 1 },
  ];
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}`;
    tensors.push({ name: `${layer}.input_layernorm.weight`, shape: [d], scale: 0 });
    tensors.push({ name: `${layer}.post_attention_layernorm.weight`, shape: [d], scale: 0 });
    for (const role of ROLES) {
      const [rows, cols] = matrixShape(role, shape);
      tensors.push({
        name: weightName(i, role),
        shape: [rows, cols],
        scale: cols ** -0.5,
      });
    }
  }
  tensors.push({ name: "model.norm.weight", shape: [d], scale: 0 });
  tensors.push({ name: "lm_head.weight", shape: [TINY_VOCABULARY, d], scale: 1 });

  const tiny = await writeTinyModel(join(folder, "tiny"), { layers: 1 });
  const specs = tensors.map(({ name, shape: dims }) => ({
    name,
    dtype: "BF16" as const,
    shape: [...dims],
  }));
  const out = join(folder, "random");
  const writer = await CheckpointWriter.create(out, planShards(specs, { maxShardBytes: 5e9 }));
  for (const { name, shape: dims, scale } of tensors) {
    const [rows, cols = 1] = dims;
    // Norm gains are one.
    const values = scale === 0 ? new Float32Array(rows).fill(1) : normals(rows, cols, scale);
    await writer.write(name, encodeFloats("BF16", values));
  }
  const config = JSON.parse(await readFile(join(tiny, "config.json"), "utf8")) as object;
  await writer.writeFile(
    "config.json",
    JSON.stringify({
      ...config,
      hidden_size: d,
      intermediate_size: shape.ffn,
      num_hidden_layers: layers,
      num_attention_heads: shape.heads,
      num_key_value_heads: shape.kvHeads,
      head_dim: shape.headDim,
      max_position_embeddings: seqLen,
    }),
  );
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    await writer.writeFile(file, await readFile(join(tiny, file), "utf8"));
  }
  const finished = await writer.finish();
  await rm(join(folder, "tiny"), { recursive: true });
  return finished;
}
