/**
 * Language features of recipes (`*.denoise.json`) and of checkpoints' `config.json`. Form, completion and hover come
 * from the JSON schemas through VS Code's own JSON language service; what the form cannot tell is asked of the engine.
 */
import {
  getLanguageService,
  type CompletionList,
  type Diagnostic,
  type Hover,
  type Position,
  type TextDocument,
} from "vscode-json-languageservice";
import type { CodeLens } from "vscode-languageserver";
import { DIAGNOSTIC_SOURCE } from "../protocol/editor.ts";
import { RECIPE_SUFFIX } from "../protocol/recipes.ts";
import { recipeJsonSchema } from "../recipe/index.ts";
import { configDiagnostics } from "./configChecks.ts";
import { configJsonSchema } from "./configSchema.ts";
import { placeOf } from "./documents.ts";
import type { Engine } from "./engine.ts";
import { codeLenses } from "./lenses.ts";
import { recipeDiagnostics } from "./recipeChecks.ts";

export type { Engine } from "./engine.ts";

const service = getLanguageService({});
service.configure({
  validate: true,
  schemas: [
    {
      uri: "denoise-rotator:recipe",
      fileMatch: [`*${RECIPE_SUFFIX}`],
      schema: recipeJsonSchema(),
    },
    { uri: "denoise-rotator:config", fileMatch: ["config.json"], schema: configJsonSchema() },
  ],
});

/** Empty for documents that are neither. @throws DenoiseError of kind `cancelled` when `signal` aborts */
export async function diagnose(
  document: TextDocument,
  engine: Engine,
  signal: AbortSignal,
): Promise<Diagnostic[]> {
  const place = placeOf(document);
  if (!place) return [];
  const json = service.parseJSONDocument(document);
  const form = (
    await service.doValidation(document, json, {
      schemaValidation: place.kind === "recipe" ? "error" : "warning",
      comments: "error",
      trailingCommas: "error",
    })
  ).map((found) => ({ ...found, source: DIAGNOSTIC_SOURCE }));
  const value = parsed(document.getText());
  // Planning an ill-formed recipe would only tell the same again, in other words.
  if (value === undefined || form.length > 0) return form;
  const check = place.kind === "recipe" ? recipeDiagnostics : configDiagnostics;
  return check(document, json, place, value, engine, signal);
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export async function complete(
  document: TextDocument,
  position: Position,
): Promise<CompletionList | null> {
  if (!placeOf(document)) return null;
  return service.doComplete(document, position, service.parseJSONDocument(document));
}

export async function hover(document: TextDocument, position: Position): Promise<Hover | null> {
  if (!placeOf(document)) return null;
  return service.doHover(document, position, service.parseJSONDocument(document));
}

export function lenses(document: TextDocument): CodeLens[] {
  const place = placeOf(document);
  return place ? codeLenses(place) : [];
}
