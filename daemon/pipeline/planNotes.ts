/** What a person should know of a run before it starts. */
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import { layerOf } from "../vocabulary.ts";
import { boundaryLayers } from "./outputPlan.ts";
import type { PlannedTensor } from "./plan.ts";

export function planNotes(
  model: Model,
  recipe: Recipe,
  tensors: readonly PlannedTensor[],
): string[] {
  const notes: string[] = [];
  if (recipe.pattern.kind === "nm" && recipe.pattern.keep === 2 && recipe.pattern.of === 4) {
    notes.push(
      "The output is a dense file with zeros, of the same size as the input. 2:4 runs faster only in runtimes that " +
        "pack it (TensorRT-LLM, PyTorch semi-structured tensors); vLLM no longer does.",
    );
  } else {
    notes.push(
      "The output is a dense file with zeros, of the same size as the input; common runtimes do not run it faster.",
    );
  }
  if (recipe.rotation.kind !== "none" && model.config.tied) {
    notes.push(
      "Embedding and head were tied; after rotation they differ, so the head is stored too.",
    );
  }
  const boundaries = boundaryLayers(recipe, model.config.layers).length;
  if (boundaries > 0) {
    const added = tensors.filter((t) => t.fate === "added").length;
    notes.push(
      `${boundaries} boundary matrices are added (${added} new tensors): transformers loads the output with ` +
        "trust_remote_code=True. A global rotation needs none of this.",
    );
  }
  const beyond = new Set(
    tensors.map(({ name }) => layerOf(name) ?? 0).filter((layer) => layer >= model.config.layers),
  );
  if (beyond.size > 0) {
    notes.push(
      `The checkpoint holds more layers than config.json counts (num_hidden_layers ${model.config.layers}): the ` +
        `${beyond.size} behind are copied as they are, and no model reads them.`,
    );
  }
  return notes;
}

export function missingNotes(missing: readonly string[]): string[] {
  if (missing.length === 0) return [];
  return [`Still to be fetched, and not in these figures: ${missing.join(", ")}.`];
}
