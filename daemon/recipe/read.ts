/** From a recipe's text or value to checked options with absolute paths. */
import { open } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import type { z } from "zod";
import { omit } from "../omit.ts";
import { isTextName } from "../vocabulary.ts";
import type { PruneOptions } from "../pipeline/index.ts";
import type { RecipeFile, RecipeSource } from "../protocol/recipes.ts";
import { badOption, notJson, relativePath, tooLarge, unreadable } from "./errors.ts";
import { recipeSchema } from "./schema.ts";
import { bytesOf, patternOf, profileOf, rotationOf } from "./words.ts";

const MAX_RECIPE_BYTES = 2 ** 20;

/**
 * @returns the recipe with all paths absolute
 * @throws recipe/unreadable, recipe/too-large, recipe/not-json, recipe/bad-option, recipe/relative-path
 */
export async function readRecipe(source: RecipeSource): Promise<RecipeFile> {
  if ("recipe" in source) {
    return withAbsolutePaths(checkRecipe(source.recipe, "recipe"), source.folder ?? null);
  }
  const { file } = source;
  const text = await readText(file);
  return withAbsolutePaths(checkRecipe(parse(file, text), file), dirname(resolve(file)));
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw notJson(file, cause);
  }
}

/** @param where named in messages @throws recipe/bad-option */
export function checkRecipe(value: unknown, where: string): RecipeFile {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badOption(where, issue?.path.join(".") ?? "", issue ? sentence(issue) : "is invalid");
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `there is no option ${issue.keys.join(", ")}`;
  return issue.message.replace(/\.$/, "");
}

async function readText(file: string): Promise<string> {
  try {
    const handle = await open(file, "r");
    try {
      if ((await handle.stat()).size > MAX_RECIPE_BYTES) throw tooLarge(file, MAX_RECIPE_BYTES);
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw cause instanceof Error && "syscall" in cause ? unreadable(file, cause) : cause;
  }
}

export function withAbsolutePaths(recipe: RecipeFile, folder: string | null): RecipeFile {
  const one = (option: string, path: string): string => {
    if (isAbsolute(path)) return path;
    if (folder === null) throw relativePath(option, path);
    return resolve(folder, path);
  };
  const all = (option: string, paths: string | readonly string[]): string[] =>
    listOf(paths).map((path) => (isTextName(path) ? path : one(option, path)));
  const { calibration, evaluation, sparsityProfile, tasks } = recipe;
  const hasFile = sparsityProfile !== undefined && profileOf(sparsityProfile).kind === "file";
  return {
    ...recipe,
    checkpoint: one("checkpoint", recipe.checkpoint),
    out: one("out", recipe.out),
    ...(calibration === undefined ? {} : { calibration: all("calibration", calibration) }),
    ...(hasFile ? { sparsityProfile: one("sparsityProfile", sparsityProfile) } : {}),
    ...(evaluation === undefined
      ? {}
      : { evaluation: { ...evaluation, text: all("evaluation.text", evaluation.text) } }),
    ...(tasks?.data === undefined
      ? {}
      : { tasks: { ...tasks, data: one("tasks.data", tasks.data) } }),
  };
}

export const listOf = (paths: string | readonly string[]): readonly string[] =>
  typeof paths === "string" ? [paths] : paths;

/** @param recipe checked, with absolute paths */
export function pruneOptions(recipe: RecipeFile): PruneOptions {
  const {
    sparsity,
    sparsityProfile,
    rotation,
    calibration,
    maxShardSize,
    evaluation,
    tasks,
    ...same
  } = recipe;
  const pattern = sparsity === undefined ? null : patternOf(sparsity);
  const maxShardBytes = maxShardSize === undefined ? null : bytesOf(maxShardSize);
  return {
    ...same,
    ...(pattern === null ? {} : { pattern }),
    ...(sparsityProfile === undefined ? {} : { sparsityProfile: profileOf(sparsityProfile) }),
    ...(rotation === undefined ? {} : { rotation: rotationOf(rotation) }),
    ...(calibration === undefined ? {} : { calibration: listOf(calibration) }),
    ...(maxShardBytes === null ? {} : { maxShardBytes }),
    ...(evaluation === undefined
      ? {}
      : { evaluation: { ...omit(evaluation, "text"), files: listOf(evaluation.text) } }),
    ...(tasks === undefined ? {} : { tasks: taskOptions(tasks) }),
  };
}

const taskOptions = ({
  names,
  data,
  ...same
}: NonNullable<RecipeFile["tasks"]>): NonNullable<PruneOptions["tasks"]> => ({
  ...same,
  tasks: names,
  ...(data === undefined ? {} : { taskData: data }),
});
