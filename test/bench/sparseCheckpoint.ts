/** A checkpoint of any size that takes no room: headers that are real, values that are holes in the files. */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** About a LLaMA of 70 billion parameters: 80 layers in bfloat16 over 30 shards. @returns path of the index */
export async function sparseCheckpoint(folder: string): Promise<{ index: string; bytes: number }> {
  const [d, ffn, kv, layers, shards] = [8192, 28672, 1024, 80, 30];
  const inLayer: [string, number[]][] = [
    ["input_layernorm", [d]],
    ["post_attention_layernorm", [d]],
    ["self_attn.q_proj", [d, d]],
    ["self_attn.k_proj", [kv, d]],
    ["self_attn.v_proj", [kv, d]],
    ["self_attn.o_proj", [d, d]],
    ["mlp.gate_proj", [ffn, d]],
    ["mlp.up_proj", [ffn, d]],
    ["mlp.down_proj", [d, ffn]],
  ];
  const tensors: [string, number[]][] = [
    ["model.embed_tokens", [128256, d]],
    ...Array.from({ length: layers }, (_, i) =>
      inLayer.map(([name, shape]): [string, number[]] => [`model.layers.${i}.${name}`, shape]),
    ).flat(),
    ["model.norm", [d]],
    ["lm_head", [128256, d]],
  ];
  const map: Record<string, string> = {};
  let total = 0;
  const perShard = Math.ceil(tensors.length / shards);
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-${String(shard + 1).padStart(5, "0")}-of-${String(shards).padStart(5, "0")}.safetensors`;
    const header: Record<string, unknown> = {};
    let at = 0;
    for (const [name, shape] of tensors.slice(shard * perShard, (shard + 1) * perShard)) {
      const bytes = 2 * shape.reduce((n, size) => n * size, 1);
      header[`${name}.weight`] = { dtype: "BF16", shape, data_offsets: [at, at + bytes] };
      map[`${name}.weight`] = file;
      at += bytes;
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const handle = await open(join(folder, file), "w");
    await handle.write(Buffer.concat([length, text]));
    await handle.truncate(8 + text.length + at);
    await handle.close();
    total += at;
  }
  const index = join(folder, "model.safetensors.index.json");
  await writeFile(index, JSON.stringify({ metadata: { total_size: total }, weight_map: map }));
  return { index, bytes: total };
}
