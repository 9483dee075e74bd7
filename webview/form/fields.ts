/** The fields that trouble may be about: what they are called, and what helps to fill them in. */
import { field, type Field } from "./controls.ts";
import type { Trouble } from "./messages.ts";

type FieldName = NonNullable<Trouble["field"]>;

const WORDS: Readonly<Record<FieldName, readonly [name: string, hint: string]>> = {
  sparsity: ["Pattern", "Pruned weights are stored as zeros: the output is as large as the input."],
  rotation: [
    "Rotation",
    "Learned rotations gather importance onto few weights before the others are deleted.",
  ],
  calibration: [
    "Calibration text",
    "Like what the model was trained on: plain text, JSONL or Parquet.",
  ],
  evaluation: [
    "Measure perplexity on",
    "Dense, pruned without rotation, and the result, on the same windows. Not the calibration text.",
  ],
  out: ["Output folder", ""],
  device: ["Device", ""],
};

/** @param controls what stands in each field */
export function formFields(
  controls: Readonly<Record<FieldName, readonly HTMLElement[]>>,
): Readonly<Record<FieldName, Field>> {
  const of = (name: FieldName): Field => field(...WORDS[name], ...controls[name]);
  return {
    sparsity: of("sparsity"),
    rotation: of("rotation"),
    calibration: of("calibration"),
    evaluation: of("evaluation"),
    out: of("out"),
    device: of("device"),
  };
}
