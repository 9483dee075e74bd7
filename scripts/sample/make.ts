/** Makes `media/sample`: texts and tokenizer, then the trained weights, then the README with what was measured. */
import { mkdir, writeFile } from "node:fs/promises";
import { openBackend } from "../../daemon/backend/index.ts";
import { encodeFloats, writeSafetensors } from "../../daemon/checkpoint/index.ts";
import { evaluate, silent } from "../../daemon/pipeline/index.ts";
import { loadTokenizer } from "../../daemon/text/index.ts";
import { textFiles } from "./content.ts";
import { CONTEXT, MODEL_CONFIG } from "./modelConfig.ts";
import { countParameters, type Parameters } from "./parameters.ts";
import { readme } from "./readme.ts";
import { RECIPE } from "./recipe.ts";
import { train } from "./train.ts";
import { tokensNeeded, trainingTokens } from "./windows.ts";

/** Enough for a stable figure, few enough for a test to measure again. */
const README_WINDOWS = 64;
const ROOT = process.cwd();
const FOLDER = `${ROOT}/media/sample`;
const STATE_FILE = `${ROOT}/.cache/sample/training.safetensors`;

await mkdir(FOLDER, { recursive: true });
for (const [name, content] of textFiles()) await writeFile(`${FOLDER}/${name}`, content);

const backend = await openBackend("wasm");
console.log(backend.description);
const tokenizer = await loadTokenizer(FOLDER);
const stream = trainingTokens(tokenizer, tokensNeeded(RECIPE.steps, RECIPE.windows, RECIPE.seqLen));
const parameters = await train({
  config: MODEL_CONFIG,
  recipe: RECIPE,
  stream,
  state: { file: STATE_FILE, every: 50 },
  onStep: report(),
});
await backend.dispose();
await writeModel(parameters);
await writeFile(`${FOLDER}/README.md`, await measuredReadme(countParameters(parameters)));

async function writeModel(trained: Parameters): Promise<void> {
  const tensors = [...trained].map(([name, { shape, values }]) => ({
    name,
    dtype: "BF16" as const,
    shape: [...shape],
    data: encodeFloats("BF16", values),
  }));
  await writeSafetensors(`${FOLDER}/model.safetensors`, tensors, { format: "pt" });
}

async function measuredReadme(parameterCount: number): Promise<string> {
  const measured = await evaluate(
    {
      checkpoint: FOLDER,
      text: [`${FOLDER}/evaluation.txt`],
      seqLen: CONTEXT,
      maxWindows: README_WINDOWS,
      device: "wasm",
    },
    silent,
    new AbortController().signal,
  );
  console.log(`perplexity on evaluation.txt: ${measured.perplexity.toFixed(3)}`);
  return readme({ ...measured, parameters: parameterCount, recipe: RECIPE });
}

/** One line every tenth step: mean loss since the last line and seconds a step. */
function report(): (step: number, loss: number) => void {
  let [sum, count, since] = [0, 0, Date.now()];
  return (step, loss) => {
    sum += loss;
    count++;
    if (step % 10 !== 0) return;
    const seconds = (Date.now() - since) / 1000 / count;
    console.log(
      `step ${step}/${RECIPE.steps}  loss ${(sum / count).toFixed(4)}  ${seconds.toFixed(2)} s a step`,
    );
    [sum, count, since] = [0, 0, Date.now()];
  };
}
