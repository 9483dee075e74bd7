/**
 * What is wrong with a recipe beyond its form: files that are missing, and everything the run would refuse before its
 * work (pattern against this checkpoint, architecture, disk, memory, output folder), found by planning it.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  DiagnosticSeverity,
  type Diagnostic,
  type JSONDocument,
  type TextDocument,
} from "vscode-json-languageservice";
import { DenoiseError } from "../errors.ts";
import { infoOf } from "../jobs/index.ts";
import { listOf, pruneOptions, readRecipe, recipeSchema } from "../recipe/index.ts";
import { isTextName } from "../vocabulary.ts";
import type { RecipeFile } from "../protocol/recipes.ts";
import { subjectOf } from "../wording.ts";
import { diagnostic, rangeAt, type Place } from "./documents.ts";
import type { Engine } from "./engine.ts";

/** @param value the parsed document, of any form */
export async function recipeDiagnostics(
  document: TextDocument,
  json: JSONDocument,
  { folder }: Place,
  value: unknown,
  engine: Engine,
  signal: AbortSignal,
): Promise<Diagnostic[]> {
  const parsed = recipeSchema.safeParse(value);
  // The schema tells what is wrong with its form, except for words that only look right, such as 4:2.
  if (!parsed.success) return wordDiagnostics(document, json, parsed.error.issues);
  const recipe: RecipeFile = parsed.data;
  const missing = missingFiles(recipe, folder).map(([path, file]) =>
    diagnostic(
      rangeAt(document, json, [path, path.replace(/\.0$/, "")]),
      `${file} does not exist. Paths are taken from the folder of this file.`,
      "text/file-missing",
    ),
  );
  if (missing.length > 0) return missing;
  try {
    const options = pruneOptions(await readRecipe({ recipe, folder }));
    const { shortages } = await engine.plan(options, signal);
    return shortages.map(({ code, message }) =>
      diagnostic(rangeAt(document, json, blamed({ code, text: message })), message, code),
    );
  } catch (error) {
    if (!(error instanceof DenoiseError) || error.kind === "cancelled") throw error;
    const { code, message } = infoOf(error);
    // True of every recipe that has been run: worth saying, no mistake.
    const severity = code === "checkpoint/output-exists" ? DiagnosticSeverity.Warning : undefined;
    return [diagnostic(rangeAt(document, json, blamed(error)), message, code, severity)];
  }
}

function wordDiagnostics(
  document: TextDocument,
  json: JSONDocument,
  issues: readonly { readonly code: string; readonly path: readonly PropertyKey[] }[],
): Diagnostic[] {
  const words: Readonly<Record<string, string>> = {
    sparsity: 'This deletes nothing or everything: "2:4" keeps 2 of every 4, "50%" deletes half.',
    maxShardSize: 'This is no size: give bytes, or a text such as "5GB".',
  };
  return issues.flatMap(({ code, path }) => {
    const name = String(path[0]);
    const text = path.length === 1 ? words[name] : undefined;
    return text === undefined || (code !== "custom" && code !== "invalid_union")
      ? []
      : [diagnostic(rangeAt(document, json, [name]), text, "recipe/bad-option")];
  });
}

/** Path in the document, and the file, of every named file that is not there. */
function missingFiles(recipe: RecipeFile, folder: string): (readonly [string, string])[] {
  const { checkpoint, calibration, evaluation, tasks } = recipe;
  const named: (readonly [string, string])[] = [
    ["checkpoint", checkpoint],
    ...listOf(calibration ?? []).map((file, i) => [`calibration.${i}`, file] as const),
    ...listOf(evaluation?.text ?? []).map((file, i) => [`evaluation.text.${i}`, file] as const),
    ...(tasks?.data === undefined ? [] : [["tasks.data", tasks.data] as const]),
  ];
  return named
    .filter(([, file]) => !isTextName(file))
    .filter(([, file]) => !existsSync(resolve(folder, file)));
}

/** The options an error is about, the likeliest first. */
function blamed({ code, text }: Pick<DenoiseError, "code" | "text">): readonly string[] {
  const option = subjectOf(text);
  if (option !== null) return [option, "checkpoint"];
  switch (code) {
    case "method/pattern-does-not-fit":
    case "method/pattern-out-of-range":
      return ["sparsity", "checkpoint"];
    case "method/block-too-small":
      return ["blockSize", "sparsity", "checkpoint"];
    case "pipeline/no-calibration":
      return ["calibration", "method", "checkpoint"];
    case "pipeline/not-enough-disk":
      return ["out"];
    case "pipeline/not-enough-memory":
      return ["device", "checkpoint"];
    case "pipeline/already-rotated":
      return ["checkpoint"];
    default:
      if (code.startsWith("checkpoint/output-")) return ["out"];
      if (code.startsWith("text/tokenizer-")) return ["checkpoint"];
      if (code.startsWith("text/")) return ["calibration", "evaluation.text", "checkpoint"];
      if (code.startsWith("backend/")) return ["device", "checkpoint"];
      return ["checkpoint"];
  }
}
