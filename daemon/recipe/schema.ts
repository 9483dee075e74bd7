/**
 * The recipe file, defined once: what is allowed, and what a person is told about each option in hovers and
 * completions. The JSON schema of editors is made from it ({@link recipeJsonSchema}).
 *
 * `markdownDescription`, `defaultSnippets` and `patternErrorMessage` are the words of VS Code's JSON language service.
 */
import { z } from "zod";
import type { RecipeFile } from "../protocol/recipes.ts";
import { calibrationOptions } from "./calibrationOptions.ts";
import { about, path } from "./fields.ts";
import { measureOptions } from "./measureOptions.ts";
import { outputOptions } from "./outputOptions.ts";
import { pruningOptions } from "./pruningOptions.ts";
import { rotationOptions } from "./rotationOptions.ts";

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
    ...pruningOptions,
    ...rotationOptions,
    ...calibrationOptions,
    ...outputOptions,
    ...measureOptions,
  })
  .meta({
    title: "DenoiseRotator recipe",
    description: "A pruning of a language model: what to prune, how, and where to.",
  }) satisfies z.ZodType<RecipeFile>;

/** The schema for editors (JSON Schema draft 7). */
export const recipeJsonSchema = (): object =>
  z.toJSONSchema(recipeSchema, { target: "draft-7", io: "input" });
