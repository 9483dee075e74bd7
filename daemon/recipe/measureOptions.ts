/** What the result is measured on: perplexity of a text, accuracy on tasks. */
import { z } from "zod";
import { TASK_NAMES } from "../vocabulary.ts";
import { about, files, count, path } from "./fields.ts";

const evaluation = z.strictObject({
  text: files.meta(
    about(
      "Evaluation text",
      "Files to measure perplexity on: plain text, JSONL or Parquet, also `.gz`. Use text that was **not** used for " +
        "calibration. The paper reports WikiText-2 (test).",
    ),
  ),
  seqLen: count(2)
    .optional()
    .meta(
      about(
        "Tokens in an evaluation window",
        "Default: the model's context, at most 2048, which is the paper's. Perplexities of different lengths do not " +
          "compare (dense Llama-2-7B on WikiText-2: 5.47 at 2048, 5.12 at 4096).",
        { default: 2048 },
      ),
    ),
  maxWindows: count(1)
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
  limit: count(1)
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

export const measureOptions = {
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
};
