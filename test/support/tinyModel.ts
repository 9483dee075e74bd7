/**
 * Tiny random checkpoints that the tests make for themselves: a family's config, weights by seed, a character
 * tokenizer and a text that it can read. Nothing is trained; laws hold for random weights too.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CheckpointWriter,
  encodeFloats,
  planShards,
  type WeightDType,
} from "../../daemon/checkpoint/index.ts";
import { seededRandom } from "../../daemon/random.ts";
import { matrixShape, ROLES, type LayerShape, type Role } from "../../daemon/vocabulary.ts";

export interface TinyOptions {
  readonly modelType?: "llama" | "qwen2" | "qwen3" | "mistral" | "phi3";
  readonly shape?: LayerShape;
  readonly layers?: number;
  readonly tied?: boolean;
  /** Which of a tied pair is stored. */
  readonly stores?: "embedding" | "head";
  readonly dtype?: WeightDType;
  readonly seed?: number;
  readonly maxShardBytes?: number;
  /** Keys that replace or extend those of config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Projections with a random bias. */
  readonly biases?: readonly Role[];
  /** Tensors by name that replace the random ones. */
  readonly replace?: Readonly<Record<string, (values: Float32Array) => Float32Array>>;
}

/** GQA, and an FFN that 2:4 and 4:8 divide. */
export const TINY_SHAPE: LayerShape = { d: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 32 };
const ALPHABET = "abcdefghijklmnopqrstuvwxyz .\n".split("");
export const TINY_VOCABULARY = ALPHABET.length + 2;

const MODULES: Readonly<Record<Role, string>> = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** Writes `<parent>/model` and returns its path. */
export async function writeTinyModel(parent: string, options: TinyOptions = {}): Promise<string> {
  const {
    modelType = "llama",
    shape = TINY_SHAPE,
    layers = 2,
    tied = false,
    stores = "embedding",
    dtype = "F32",
    seed = 1,
    maxShardBytes = 5e9,
    config = {},
    biases = modelType === "qwen2" ? (["q", "k", "v"] as const) : [],
    replace = {},
  } = options;
  const random = seededRandom(seed);
  const { d } = shape;
  const tensors: { name: string; shape: number[]; values: Float32Array }[] = [];
  const add = (name: string, dims: number[], scale: number, offset = 0) => {
    const count = dims.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: count }, () => offset + scale * random.normal());
    tensors.push({ name, shape: dims, values: replace[name]?.(values) ?? values });
  };
  if (!tied || stores === "embedding") add("model.embed_tokens.weight", [TINY_VOCABULARY, d], 1);
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}`;
    add(`${layer}.input_layernorm.weight`, [d], 0.2, 1);
    add(`${layer}.post_attention_layernorm.weight`, [d], 0.2, 1);
    if (modelType === "qwen3") {
      add(`${layer}.self_attn.q_norm.weight`, [shape.headDim], 0.2, 1);
      add(`${layer}.self_attn.k_norm.weight`, [shape.headDim], 0.2, 1);
    }
    if (modelType === "phi3") {
      const qkv = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
      add(`${layer}.self_attn.qkv_proj.weight`, [qkv, d], 1 / Math.sqrt(d));
      add(`${layer}.mlp.gate_up_proj.weight`, [2 * shape.ffn, d], 1 / Math.sqrt(d));
    }
    for (const role of ROLES) {
      const [out, columns] = matrixShape(role, shape);
      const fused = modelType === "phi3" && role !== "o" && role !== "down";
      if (!fused) add(`${layer}.${MODULES[role]}.weight`, [out, columns], 1 / Math.sqrt(columns));
      if (biases.includes(role)) add(`${layer}.${MODULES[role]}.bias`, [out], 0.3);
    }
  }
  add("model.norm.weight", [d], 0.2, 1);
  if (!tied || stores === "head") add("lm_head.weight", [TINY_VOCABULARY, d], 1);

  const folder = join(parent, "model");
  const specs = tensors.map(({ name, shape: dims }) => ({ name, dtype, shape: dims }));
  const writer = await CheckpointWriter.create(folder, planShards(specs, { maxShardBytes }));
  for (const { name, values } of tensors) await writer.write(name, encodeFloats(dtype, values));
  const json = {
    model_type: modelType,
    architectures: ["Tiny"],
    hidden_size: d,
    intermediate_size: shape.ffn,
    num_hidden_layers: layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    vocab_size: TINY_VOCABULARY,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: tied,
    sliding_window: null,
    ...config,
  };
  await writer.writeFile("config.json", JSON.stringify(json));
  await writer.writeFile("tokenizer.json", JSON.stringify(characterTokenizer()));
  await writer.writeFile("tokenizer_config.json", JSON.stringify({ bos_token: "<s>" }));
  return writer.finish();
}

/** One token a character, no merges; `<s>` in front. */
function characterTokenizer(): unknown {
  const vocab = Object.fromEntries(["<unk>", "<s>", ...ALPHABET].map((token, id) => [token, id]));
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: "1.0",
    added_tokens: [special("<unk>", 0), special("<s>", 1)],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: { type: "Fuse" },
    model: { type: "BPE", vocab, merges: [], unk_token: "<unk>" },
  };
}

/** Text of about `length` characters of the tiny vocabulary, words with some order in them. */
export async function writeTinyText(path: string, length = 4000, seed = 7): Promise<string> {
  const random = seededRandom(seed);
  const words = Array.from({ length: 40 }, () =>
    Array.from({ length: 2 + random.integer(5) }, () => ALPHABET[random.integer(26)]).join(""),
  );
  let text = "";
  while (text.length < length) text += `${words[random.integer(words.length)] ?? ""} `;
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
}
