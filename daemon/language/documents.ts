/** Which documents have language features, and where in them a diagnostic belongs. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import {
  DiagnosticSeverity,
  type ASTNode,
  type Diagnostic,
  type JSONDocument,
  type Range,
  type TextDocument,
} from "vscode-json-languageservice";
import { DIAGNOSTIC_SOURCE } from "../protocol/editor.ts";
import { RECIPE_SUFFIX } from "../protocol/recipes.ts";

export interface Place {
  readonly kind: "recipe" | "config";
  /** Absolute. */
  readonly file: string;
  readonly folder: string;
}

/**
 * A recipe by its name; a `config.json` only where it is a checkpoint's, for there are many others.
 * Null for anything else, and for documents that are no file.
 */
export function placeOf(document: TextDocument): Place | null {
  if (!document.uri.startsWith("file:")) return null;
  let file: string;
  try {
    file = fileURLToPath(document.uri);
  } catch {
    return null;
  }
  const folder = dirname(file);
  if (file.endsWith(RECIPE_SUFFIX)) return { kind: "recipe", file, folder };
  const isConfig = basename(file) === "config.json";
  return isConfig && (hasWeights(folder) || /"model_type"\s*:/.test(document.getText()))
    ? { kind: "config", file, folder }
    : null;
}

function hasWeights(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((name) => name.endsWith(".safetensors"));
}

/** The value of a property, by a path such as `evaluation.text.0`; undefined where it is not in the document. */
export function valueAt(json: JSONDocument, path: string): ASTNode | undefined {
  let node = json.root;
  for (const step of path.split(".")) {
    if (node?.type === "object") {
      node = node.properties.find(({ keyNode }) => keyNode.value === step)?.valueNode;
    } else if (node?.type === "array") {
      node = node.items[Number(step)];
    } else {
      return undefined;
    }
  }
  return node;
}

/** Of the first of `paths` that is in the document, else of its first line. */
export function rangeAt(
  document: TextDocument,
  json: JSONDocument,
  paths: readonly string[],
): Range {
  for (const path of paths) {
    const node = valueAt(json, path);
    if (node) {
      return {
        start: document.positionAt(node.offset),
        end: document.positionAt(node.offset + node.length),
      };
    }
  }
  const first = document.getText().split("\n", 1)[0] ?? "";
  return { start: { line: 0, character: 0 }, end: { line: 0, character: first.length } };
}

export const diagnostic = (
  range: Range,
  message: string,
  code?: string,
  severity: DiagnosticSeverity = DiagnosticSeverity.Error,
): Diagnostic => ({
  range,
  message,
  severity,
  source: DIAGNOSTIC_SOURCE,
  ...(code === undefined ? {} : { code }),
});
