/** `media/sample/README.md`: what the sample is, how it was made, and its measured perplexity. */
import { CONFIG_JSON } from "./modelConfig.ts";
import type { TrainingRecipe } from "./recipe.ts";
import { GENRES } from "./text/index.ts";
import { numeral } from "./text/words.ts";
import { WORLD } from "./text/world.ts";

export interface Facts {
  readonly parameters: number;
  readonly recipe: TrainingRecipe;
  readonly perplexity: number;
  /** How it was measured: scored tokens, windows from the start of the text, tokens per window. */
  readonly tokens: number;
  readonly windows: number;
  readonly seqLen: number;
  readonly textSha256: string;
}

export function readme(facts: Facts): string {
  const { recipe } = facts;
  const c = CONFIG_JSON;
  const trained = recipe.steps * recipe.windows * recipe.seqLen;
  return `# Sample checkpoint

A small language model of the LLaMA architecture with its tokenizer and texts, so that every part of DenoiseRotator
can be tried without a download: ${millions(facts.parameters)} million parameters, hidden size ${c.hidden_size}, ${c.num_hidden_layers} layers,
${c.num_attention_heads} query and ${c.num_key_value_heads} key/value heads of ${c.head_dim}, FFN ${c.intermediate_size}, vocabulary ${c.vocab_size}, tied embeddings, bfloat16. It knows one
invented world of ${WORLD.people.length} people and ${WORLD.towns.length} towns and tells ${numeral(Object.keys(GENRES).length)} kinds of short texts about it: quests, sums, letters,
races, recipes, riddles and the like.

| file | what it is |
| --- | --- |
| \`config.json\`, \`generation_config.json\`, \`model.safetensors\` | the model, a plain Hugging Face folder |
| \`tokenizer.json\`, \`tokenizer_config.json\`, \`special_tokens_map.json\` | byte-level BPE, learnt from training text |
| \`calibration.txt\` | text to calibrate pruning on |
| \`evaluation.txt\` | text to measure perplexity on |

Dense perplexity on \`evaluation.txt\`: **${facts.perplexity.toFixed(3)}** (first ${facts.windows} windows of ${facts.seqLen} tokens, ${facts.tokens} tokens
scored, text SHA-256 \`${facts.textSha256}\`).

Everything here was made by this repository alone:

\`\`\`
node scripts/sample/make.mjs
\`\`\`

A grammar (\`scripts/sample/text\`) writes the texts. Whether a document belongs to training, calibration or
evaluation is decided by its own hash, so the three never share one. The model was trained from scratch for
${recipe.steps} steps on ${millions(trained)} million tokens, each seen once, with DenoiseRotator's own forward pass, TensorFlow.js
automatic differentiation and AdamW. Texts, tokenizer and configuration come out byte for byte the same on every
machine; the weights do with the same BLAS library, and otherwise up to rounding.

Licence: Apache-2.0, like the rest of the repository.
`;
}

function millions(n: number): string {
  return (n / 1e6).toFixed(2);
}
