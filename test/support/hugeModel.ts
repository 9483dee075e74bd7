import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** One layer of 10¹² bytes, all of them holes in a sparse file: no machine can work on it. */
export async function writeHugeModel(folder: string): Promise<void> {
  const d = 2 ** 18;
  const layer = "model.layers.0";
  const shapes = Object.entries({
    "model.embed_tokens.weight": [32, d],
    [`${layer}.input_layernorm.weight`]: [d],
    [`${layer}.post_attention_layernorm.weight`]: [d],
    ...Object.fromEntries(
      ["q", "k", "v", "o"].map((name) => [`${layer}.self_attn.${name}_proj.weight`, [d, d]]),
    ),
    ...Object.fromEntries(
      ["gate", "up", "down"].map((name) => [`${layer}.mlp.${name}_proj.weight`, [d, d]]),
    ),
    "model.norm.weight": [d],
    "lm_head.weight": [32, d],
  });
  let end = 0;
  const header = Object.fromEntries(
    shapes.map(([name, shape]) => {
      const start = end;
      end += shape.reduce((a, b) => a * b, 2);
      return [name, { dtype: "BF16", shape, data_offsets: [start, end] }];
    }),
  );
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await mkdir(folder);
  const file = join(folder, "model.safetensors");
  await writeFile(file, Buffer.concat([length, json]));
  await truncate(file, 8 + json.length + end);
  const config = {
    model_type: "llama",
    hidden_size: d,
    intermediate_size: d,
    num_hidden_layers: 1,
    num_attention_heads: 2048,
    vocab_size: 32,
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
}
