/** Save as Recipe: what the form says as a `*.denoise.json`, with paths relative to it. */
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { Uri, window, workspace } from "vscode";
import { RECIPE_SUFFIX, type RecipeFile } from "../../daemon/protocol.ts";
import { folderOf } from "../checkpointFiles.ts";

export async function saveRecipe(checkpoint: string, recipe: RecipeFile): Promise<void> {
  const folder = folderOf(checkpoint);
  const name = basename(recipe.out) + RECIPE_SUFFIX;
  const chosen = await window.showSaveDialog({
    defaultUri: Uri.file(join(dirname(folder), name)),
    filters: { JSON: ["json"] },
    saveLabel: "Save Recipe",
  });
  if (!chosen) return;
  // Only this ending makes it a recipe.
  const path = chosen.fsPath.endsWith(RECIPE_SUFFIX)
    ? chosen.fsPath
    : chosen.fsPath.replace(/(\.denoise)?(\.json)?$/, RECIPE_SUFFIX);
  const uri = Uri.file(path);
  const text = `${JSON.stringify(relativeTo(dirname(path), recipe), null, 2)}\n`;
  await workspace.fs.writeFile(uri, Buffer.from(text));
  await window.showTextDocument(uri);
}

/** So that folder and recipe can be moved together. */
export function relativeTo(folder: string, recipe: RecipeFile): RecipeFile {
  const near = (path: string): string => {
    const way = relative(folder, path);
    // On another drive of Windows there is no way.
    if (isAbsolute(way)) return path;
    return way.startsWith("..") ? way.replaceAll(sep, "/") : `./${way.replaceAll(sep, "/")}`;
  };
  const nearAll = (files: string | readonly string[]) =>
    typeof files === "string" ? near(files) : files.map(near);
  const { calibration, evaluation } = recipe;
  return {
    ...recipe,
    checkpoint: near(recipe.checkpoint),
    out: near(recipe.out),
    ...(calibration === undefined ? {} : { calibration: nearAll(calibration) }),
    ...(evaluation === undefined
      ? {}
      : { evaluation: { ...evaluation, text: nearAll(evaluation.text) } }),
  };
}
