/**
 * The recipe file, defined once: what is allowed, and what a person is told about each option in hovers and
 * completions. The JSON schema of editors is made from it ({@link recipeJsonSchema}).
 *
 * `markdownDescription`, `defaultSnippets` and `patternErrorMessage` are the words of VS Code's JSON language service.
 */
import { z } from "zod";
import type { RecipeFile } from "../protocol/recipes.ts";
import { OBJECTIVES, PRUNE_METHODS, TASK_NAMES } from "../vocabulary.ts";
import {
  DEVICE_WORDS,
  GPU_NUMBERS,
  bytesOf,
  patternOf,
  ROTATION_WORD,
  SIZE_WORD,
  SPARSITY_WORD,
} from "./words.ts";

const MANY = 1_000_000;

const path = z.string().min(1);
const files = z.union([path, z.array(path).min(1)]);
const about = (title: string, markdownDescription: string, more: Record<string, unknown> = {}) => ({
  title,
  markdownDescription: `**${title}** \n\n${markdownDescription}`,
  ...more,
});

/** A device, or some of several NVIDIA GPUs: `cuda:1`, `cuda:0,1`. */
export const deviceWord = z.union([
  z.enum(DEVICE_WORDS),
  z.templateLiteral(["cuda:", z.string().regex(GPU_NUMBERS)]),
]);

const evaluation = z.strictObject({
  text: files.meta(
    about(
      "Evaluation text",
      "Files to measure perplexity on: plain text, JSONL or Parquet, also `.gz`. Use text that was **not** used for " +
        "calibration. The paper reports WikiText-2 (test).",
    ),
  ),
  seqLen: z
    .int()
    .min(2)
    .max(MANY)
    .optional()
    .meta(
      about(
        "Tokens in an evaluation window",
        "Default: the model's context, at most 2048, which is the paper's. Perplexities of different lengths do not " +
          "compare (dense Llama-2-7B on WikiText-2: 5.47 at 2048, 5.12 at 4096).",
        { default: 2048 },
      ),
    ),
  maxWindows: z
    .int()
    .min(1)
    .max(MANY)
    .optional()
    .meta(about("Most windows", "Evaluate on so many windows only; the whole text by default.")),
  baseline: z
    .boolean()
    .optional()
    .meta(
      about(
        "Also prune without rotation",
        "Prunes a second time without rotation, to compare with: rotation can hurt (the paper's Magnitude 2:4 on " +
          "LLaMA-3-8B loses zero-shot accuracy), so only the pair tells. Takes a second pass. Default `true`.",
        { default: true },
      ),
    ),
});

const tasks = z.strictObject({
  names: z
    .array(z.enum(TASK_NAMES))
    .min(1)
    .meta(
      about("Tasks", "By the names of lm-evaluation-harness, whose zero-shot semantics they have."),
    ),
  data: path
    .optional()
    .meta(
      about(
        "Data of the tasks",
        "Folder with the data sets' files (JSONL or Parquet), or the file of the one task; relative to this file. " +
          "Default: fetched once from the Hugging Face Hub.",
      ),
    ),
  limit: z
    .int()
    .min(1)
    .max(MANY)
    .optional()
    .meta(about("Most items", "Only the first so many items of each task.")),
  baseline: z
    .boolean()
    .optional()
    .meta(
      about("Also prune without rotation", "As in `evaluation`. Default `true`.", {
        default: true,
      }),
    ),
});

export const recipeSchema = z
  .strictObject({
    checkpoint: path.meta(
      about(
        "Checkpoint to prune",
        "Hugging Face folder, its `config.json`, a `.safetensors` file or its index; relative to this file. It is never " +
          "written to. LLaMA, Qwen2, Qwen3, Mistral and Phi-3 architectures.",
        { defaultSnippets: [{ label: '"./…"', body: "./${1:model}" }] },
      ),
    ),
    out: path.meta(
      about(
        "Output folder",
        "New, or empty, and not inside the checkpoint. The work of an unfinished run lies in `.denoise-rotator` beside " +
          "it and is removed at the end. The output is as large as the input: pruned weights are stored as zeros.",
        { defaultSnippets: [{ label: '"./…"', body: "./${1:model-2-4}" }] },
      ),
    ),
    method: z
      .enum(PRUNE_METHODS)
      .optional()
      .meta(
        about(
          "Pruning method",
          "`sparsegpt` (default): removes by w²/[H⁻¹]ⱼⱼ and corrects the remaining weights; the best in the paper, most " +
            "of all at 2:4. `wanda`: removes by w²·Hⱼⱼ, no correction, faster. `magnitude`: by w², needs no calibration " +
            "text and loses most.",
          {
            default: "sparsegpt",
            markdownEnumDescriptions: [
              "By w² alone. Needs no calibration text; loses most.",
              "By w²·Hⱼⱼ. Fast, no correction of the remaining weights.",
              "By w²/[H⁻¹]ⱼⱼ, and corrects the remaining weights. Best quality.",
            ],
          },
        ),
      ),
    sparsity: z
      .union([
        z
          .string()
          .regex(SPARSITY_WORD)
          .refine((word) => patternOf(word) !== null)
          .meta({
            patternErrorMessage: 'Give N:M with N < M such as "2:4", or a share such as "50%".',
          }),
        z.number().gt(0).lt(1),
      ])
      .optional()
      .meta(
        about(
          "What to delete",
          '`"2:4"` (default) keeps 2 of every 4 consecutive weights of a row: NVIDIA GPUs from Ampere on run it faster ' +
            "with TensorRT-LLM or PyTorch's semi-structured tensors. M must divide the input size of all seven matrices. " +
            '`"50%"` or `0.5` deletes that share wherever it hurts least: better quality, no common runtime is faster. ' +
            "In the paper, LLaMA-3-8B (dense 6.14) with SparseGPT and rotation has perplexity 7.60 at 50 % and 10.01 " +
            "at 2:4.",
          { default: "2:4", examples: ["2:4", "4:8", "50%"] },
        ),
      ),
    sparsityProfile: path
      .optional()
      .meta(
        about(
          "How a share is spread over the layers",
          "`uniform` (default): every layer the same. `owl`: layers with more outliers among their Wanda scores keep " +
            "more, within about 8 points of the share asked for (OWL); takes one more pass over the model and a method " +
            "that calibrates. Or a JSON file with one ratio for each layer, relative to this file. The total is exact. " +
            "Only for a share, not for N:M.",
          { default: "uniform", examples: ["uniform", "owl", "./ratios.json"] },
        ),
      ),
    rotation: z
      .string()
      .regex(ROTATION_WORD)
      .optional()
      .meta(
        about(
          "Which layers share a rotation",
          "`layer` (default): each its own, the paper's; adds one d×d matrix at every layer boundary (about 6.7 % more " +
            "parameters at 8B), and `transformers` loads the output with `trust_remote_code=True`. `global`: one for all " +
            "layers, folds away completely, so the output is a plain checkpoint that every engine loads; quality in " +
            "between. `every:K`: one for K layers. `none`: plain pruning.",
          {
            default: "layer",
            examples: ["layer", "global", "every:4", "none"],
            patternErrorMessage:
              'Give "layer", "every:K" with a whole number K ≥ 1, "global" or "none".',
          },
        ),
      ),
    objective: z
      .enum(OBJECTIVES)
      .optional()
      .meta(
        about(
          "What the rotation is learned for",
          "`pruned-mass` (default): the share of importance that the pattern will delete; knows of 2:4, and was better " +
            "than entropy in all our measurements. `entropy`: the paper's, the Shannon entropy of the importance; does " +
            "not know the pattern, which the paper names as its limitation.",
          {
            default: "pruned-mass",
            markdownEnumDescriptions: [
              "The share of importance that the pattern will delete.",
              "The Shannon entropy of the importance, as in the paper.",
            ],
          },
        ),
      ),
    steps: z
      .int()
      .min(1)
      .max(MANY)
      .optional()
      .meta(
        about(
          "Steps of the rotation's optimizer",
          "Default 200 for `pruned-mass`, 400 for `entropy`. The paper takes 2000 with an optimizer that needs about ten " +
            "times as many. Steps matter most for 2:4; at 50 % a few give nearly all of the gain.",
          { examples: [100, 200, 600] },
        ),
      ),
    learningRate: z
      .number()
      .gt(0)
      .max(10)
      .optional()
      .meta(
        about(
          "Initial learning rate of the rotation",
          "Default 0.8 / √(hidden size). It falls to 0 along a cosine. Sensitivity is low: within a factor of two results " +
            "differ by no more than between seeds.",
        ),
      ),
    regroup: z
      .boolean()
      .optional()
      .meta(
        about(
          "Reorder columns and neurons",
          "Default `true`: columns and FFN neurons are put in an order in which the groups of N:M lose less. It costs no " +
            "parameters and no time in the output, and does nothing without rotation or for an unstructured share.",
          { default: true },
        ),
      ),
    damping: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .meta(
        about(
          "Damping of the Hessian",
          "Added to the diagonal before inversion, relative to its mean. Default 0.01, the paper's. It is raised where a " +
            "Hessian is not positive definite, and the report says so.",
          { default: 0.01 },
        ),
      ),
    blockSize: z
      .int()
      .min(1)
      .max(MANY)
      .optional()
      .meta(
        about("Columns SparseGPT prunes at a time", "Default 128, the paper's; a multiple of M.", {
          default: 128,
        }),
      ),
    calibration: files
      .optional()
      .meta(
        about(
          "Calibration text",
          "Files like what the model was trained on: plain text, JSONL or Parquet, also `.gz`; relative to this file. " +
            "Default: `calibration.txt` (`.jsonl`, `.jsonl.gz`, `.parquet`) in the checkpoint's folder. The paper takes C4: " +
            "`c4` and `wikitext2` are fetched from the Hugging Face Hub once.",
          { defaultSnippets: [{ label: '"./calibration.txt"', body: "./${1:calibration.txt}" }] },
        ),
      ),
    field: z
      .string()
      .min(1)
      .optional()
      .meta(
        about(
          "Text field",
          "Field of JSONL and Parquet rows that holds the text. Default `text`.",
          {
            default: "text",
          },
        ),
      ),
    samples: z
      .int()
      .min(1)
      .max(MANY)
      .optional()
      .meta(
        about(
          "Calibration windows",
          "Default 128, the paper's. More cost time and disk in proportion and help little beyond.",
          { default: 128 },
        ),
      ),
    seqLen: z
      .int()
      .min(2)
      .max(MANY)
      .optional()
      .meta(
        about(
          "Tokens in a calibration window",
          "Default 2048, the paper's; cut to the model's context.",
          { default: 2048 },
        ),
      ),
    sampling: z
      .enum(["random", "sequential"])
      .optional()
      .meta(
        about(
          "How windows are chosen",
          "`random` (default): SparseGPT's and Wanda's way. `sequential`: from the start of the text.",
          { default: "random" },
        ),
      ),
    seed: z
      .int()
      .min(0)
      .optional()
      .meta(
        about(
          "Seed",
          "Of everything random. Default 0. The same seed on the same device gives the same bytes.",
          {
            default: 0,
          },
        ),
      ),
    dtype: z
      .enum(["keep", "bf16", "f16", "f32"])
      .optional()
      .meta(
        about(
          "Number format of the output",
          "Default `keep`: as the input. All work is done in float32.",
          {
            default: "keep",
          },
        ),
      ),
    maxShardSize: z
      .union([
        z
          .string()
          .regex(SIZE_WORD)
          .refine((size) => bytesOf(size) !== null)
          .meta({ patternErrorMessage: 'Give a size such as "5GB", "500MiB" or 1000000.' }),
        z.int().min(1),
      ])
      .optional()
      .meta(
        about("Largest weight file", 'Bytes, or a size such as `"5GB"` (default) or `"500MiB"`.', {
          default: "5GB",
        }),
      ),
    device: deviceWord
      .optional()
      .meta(
        about(
          "Device",
          "`auto` (default) takes the best there is; *Show Devices* lists them. `cuda`: NVIDIA; `cuda:1` is the " +
            "second GPU, `cuda:0,1` two at once. `tensorflow`: an installed tfjs-node-gpu. `webgpu`: any GPU. `wasm`: the processor.",
          { default: "auto" },
        ),
      ),
    evaluation: evaluation
      .optional()
      .meta(
        about(
          "Evaluation",
          "Measure perplexity: dense, pruned without rotation, and the result. It goes into the report.",
          { defaultSnippets: [{ label: "{ text }", body: { text: "./${1:test.txt}" } }] },
        ),
      ),
    tasks: tasks
      .optional()
      .meta(
        about(
          "Zero-shot tasks",
          "Accuracy of the same models on multiple-choice tasks. It goes into the report.",
          { defaultSnippets: [{ label: "{ names }", body: { names: ["${1:piqa}"] } }] },
        ),
      ),
  })
  .meta({
    title: "DenoiseRotator recipe",
    description: "A pruning of a language model: what to prune, how, and where to.",
  }) satisfies z.ZodType<RecipeFile>;

/** The schema for editors (JSON Schema draft 7). */
export const recipeJsonSchema = (): object =>
  z.toJSONSchema(recipeSchema, { target: "draft-7", io: "input" });
