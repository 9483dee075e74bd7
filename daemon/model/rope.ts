/**
 * Rotary position embedding, half-split layout of the Hugging Face models: dimension i pairs with i + hd/2.
 * Frequencies follow transformers' `modeling_rope_utils` (default, linear, dynamic NTK, llama3).
 */
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import type { RopeTable } from "../backend/index.ts";
import { badConfig, unsupportedFeature } from "./errors.ts";

export type RopeConfig = { readonly theta: number } & (
  | { readonly type: "default" }
  | { readonly type: "linear"; readonly factor: number }
  | { readonly type: "dynamic"; readonly factor: number; readonly maxPositions: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
);

const factor = z.number().min(1);
const scalingSchema = z.discriminatedUnion("rope_type", [
  z.object({ rope_type: z.literal("default") }),
  z.object({ rope_type: z.literal("linear"), factor }),
  // transformers stretches it from max_position_embeddings, whatever original_max_position_embeddings says.
  z.object({ rope_type: z.literal("dynamic"), factor }),
  z.object({
    rope_type: z.literal("llama3"),
    factor,
    low_freq_factor: z.number().positive(),
    high_freq_factor: z.number().positive(),
    original_max_position_embeddings: z.number().positive(),
  }),
]);
/** Phi-3's names for it, then and now. */
const LONG_ROPE = ["longrope", "su"];
const SUPPORTED_ROPE_TYPES = scalingSchema.options.map((o) => o.shape.rope_type.value);

interface RopeOptions {
  readonly theta: number;
  /** Empty where the file has none. */
  readonly scaling: Readonly<Record<string, unknown>>;
  readonly maxPositions: number;
}

/**
 * `rope_scaling` (transformers 4; old files say `type`) or `rope_parameters` (5) → typed.
 * @throws model/unsupported-feature for a type not in the list, model/bad-config for missing numbers
 */
export function ropeSchema(
  modelType: string,
  root: string,
  { theta, scaling, maxPositions }: RopeOptions,
): RopeConfig {
  const type = scaling.rope_type ?? scaling.type ?? "default";
  if (!SUPPORTED_ROPE_TYPES.some((t) => t === type)) {
    const supported = `supported are ${SUPPORTED_ROPE_TYPES.join(", ")}`;
    const why = LONG_ROPE.some((t) => t === type)
      ? `its factors change with the length of the text, which is not built yet. Take the model's variant for short ` +
        `contexts if there is one; ${supported}`
      : supported;
    throw unsupportedFeature(root, modelType, `rope scaling ${JSON.stringify(type)}`, why);
  }
  const parsed = scalingSchema.safeParse({ ...scaling, rope_type: type });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw badConfig(
      root,
      `rope_scaling.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
    );
  }
  const s = parsed.data;
  switch (s.rope_type) {
    case "default":
      return { type: "default", theta };
    case "linear":
      return { type: "linear", theta, factor: s.factor };
    case "dynamic":
      return {
        type: "dynamic",
        theta,
        factor: s.factor,
        maxPositions,
      };
    case "llama3":
      return {
        type: "llama3",
        theta,
        factor: s.factor,
        lowFreqFactor: s.low_freq_factor,
        highFreqFactor: s.high_freq_factor,
        originalMaxPositions: s.original_max_position_embeddings,
      };
    default:
      return s satisfies never;
  }
}

/** Angular frequency of each pair, `[hd/2]`, for sequences of `seqLen` tokens. */
export function ropeFrequencies(rope: RopeConfig, headDim: number, seqLen: number): Float64Array {
  const base = (theta: number) =>
    Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  switch (rope.type) {
    case "default":
      return base(rope.theta);
    case "linear":
      return base(rope.theta).map((f) => f / rope.factor);
    case "dynamic": {
      if (seqLen <= rope.maxPositions) return base(rope.theta);
      const stretch = (rope.factor * seqLen) / rope.maxPositions - (rope.factor - 1);
      return base(rope.theta * stretch ** (headDim / (headDim - 2)));
    }
    case "llama3": {
      const lowWavelength = rope.originalMaxPositions / rope.lowFreqFactor;
      const highWavelength = rope.originalMaxPositions / rope.highFreqFactor;
      return base(rope.theta).map((f) => {
        const wavelength = (2 * Math.PI) / f;
        if (wavelength < highWavelength) return f;
        if (wavelength > lowWavelength) return f / rope.factor;
        const smooth =
          (rope.originalMaxPositions / wavelength - rope.lowFreqFactor) /
          (rope.highFreqFactor - rope.lowFreqFactor);
        return ((1 - smooth) * f) / rope.factor + smooth * f;
      });
    }
    default:
      return rope satisfies never;
  }
}

/** See {@link RopeTable}. */
export function ropeTable(rope: RopeConfig, headDim: number, seqLen: number): RopeTable {
  const frequencies = ropeFrequencies(rope, headDim, seqLen);
  const half = headDim / 2;
  const cos = new Float32Array(seqLen * half);
  const sin = new Float32Array(seqLen * half);
  for (let t = 0; t < seqLen; t++) {
    frequencies.forEach((f, i) => {
      cos[t * half + i] = Math.cos(t * f);
      sin[t * half + i] = Math.sin(t * f);
    });
  }
  const shape: [number, number, number] = [seqLen, 1, half];
  return { cos: tf.tensor3d(cos, shape), sin: tf.tensor3d(sin, shape) };
}
