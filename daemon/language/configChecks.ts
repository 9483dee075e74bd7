/** What keeps a checkpoint from being pruned, told at the key of its `config.json` that is the reason. */
import type { Diagnostic, JSONDocument, TextDocument } from "vscode-json-languageservice";
import { DiagnosticSeverity } from "vscode-json-languageservice";
import { DenoiseError } from "../errors.ts";
import { matrixShape, ROLES } from "../vocabulary.ts";
import { infoOf, type ModelFacts } from "../jobs/index.ts";
import { diagnostic, rangeAt, type Place } from "./documents.ts";
import type { Engine } from "./engine.ts";

export async function configDiagnostics(
  document: TextDocument,
  json: JSONDocument,
  { folder }: Place,
  config: unknown,
  engine: Engine,
  signal: AbortSignal,
): Promise<Diagnostic[]> {
  try {
    return patternHints(document, json, await engine.model(folder, config, signal));
  } catch (error) {
    if (!(error instanceof DenoiseError) || error.kind === "cancelled") throw error;
    const { code, message } = infoOf(error);
    // The file is right for other programs: a warning, for what this one cannot do.
    const range = rangeAt(document, json, blamed(error, json));
    return [diagnostic(range, message, code, DiagnosticSeverity.Warning)];
  }
}

/** The key that the message names, or that the error is always about. */
function blamed({ code, message }: DenoiseError, json: JSONDocument): readonly string[] {
  if (code === "model/unsupported-architecture") return ["model_type"];
  const keys = json.root?.type === "object" ? json.root.properties.map((p) => p.keyNode.value) : [];
  const words = new Set(message.match(/\w+/g));
  // Nearly all messages name model_type as one of the suspects: it is the last that is blamed.
  const named = keys.filter((key) => words.has(key) && key !== "model_type");
  return [...named, "model_type"];
}

/** Where the common pattern does not divide a matrix, people want to know before they plan a run. */
function patternHints(
  document: TextDocument,
  json: JSONDocument,
  { shape }: ModelFacts,
): Diagnostic[] {
  const misfit = ROLES.filter((role) => matrixShape(role, shape)[1] % 4 !== 0);
  const [first] = misfit;
  if (first === undefined) return [];
  const key = first === "down" ? "intermediate_size" : "hidden_size";
  return [
    diagnostic(
      rangeAt(document, json, [key]),
      `2:4 cannot be used: the input sizes of ${misfit.join(", ")} are no multiples of 4. An unstructured share can.`,
      "method/pattern-does-not-fit",
      DiagnosticSeverity.Information,
    ),
  ];
}
