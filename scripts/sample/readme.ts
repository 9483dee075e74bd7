/** `media/sample/README.md`: what the sample is, how it was made, and its measured perplexity. */
import type { TrainingRecipe } from "./recipe.ts";

export interface Facts {
  readonly parameters: number;
  readonly recipe: TrainingRecipe;
  readonly perplexity: number;
  /** Scored tokens and how they were cut. */
  readonly tokens: number;
  readonly windows: number;
  readonly seqLen: number;
  readonly textSha256: string;
}

export function readme(facts: Facts): string {
  const { recipe } = facts;
  const trained = recipe.steps * recipe.windows * recipe.seqLen;
  return `# Sample checkpoint

A small LLaMA-architecture language model (${millions(facts.parameters)} million parameters: hidden size 128, 4 layers, 8 query
and 4 key/value heads of 16, FFN 384, vocabulary 2048, tied embeddings, bfloat16) with its tokenizer and texts, so
that every part of DenoiseRotator can be tried without a download. It knows one invented world of 96 people and 30
towns and tells thirteen kinds of short texts about it: quests, sums, letters, races, recipes, riddles and the like.

| file | what it is |
| --- | --- |
| \`config.json\`, \`generation_config.json\`, \`model.safetensors\` | the model, a plain Hugging Face folder |
| \`tokenizer.json\`, \`tokenizer_config.json\`, \`special_tokens_map.json\` | byte-level BPE, learnt from training text |
| \`calibration.txt\` | text to calibrate pruning on |
| \`evaluation.txt\` | text to measure perplexity on |

Dense perplexity on \`evaluation.txt\`: **${facts.perplexity.toFixed(3)}** (${facts.windows} windows of ${facts.seqLen} tokens, ${facts.tokens} scored tokens,
text SHA-256 \`${facts.textSha256}\`).

Everything here was made by this repository alone:

\`\`\`
node scripts/sample/make.mjs
\`\`\`

A grammar (\`scripts/sample/text\`) writes the texts. Whether a document belongs to training, calibration or
evaluation is decided by its own hash, so the three never share one. The model was trained from scratch for
${recipe.steps} steps on ${millions(trained)} million tokens, each seen once, with DenoiseRotator's own forward pass, TensorFlow.js
automatic differentiation and AdamW. The texts, the tokenizer and the configuration come out byte for byte the
same on every machine; the weights do with the same BLAS library, and otherwise up to rounding.

Licence: Apache-2.0, like the rest of the repository.
`;
}

function millions(n: number): string {
  return (n / 1e6).toFixed(2);
}
