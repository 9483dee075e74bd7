import { coded, type DenoiseError } from "../errors.ts";
import { option, text } from "../wording.ts";

const input = coded("model", "input");
const failed = coded("model", "failed");

export const noConfig = (root: string): DenoiseError =>
  input(
    "no-config",
    `${root} has no config.json, so the architecture is unknown. Put the model's config.json beside its ` +
      `safetensors files (\`inspect\` works without it).`,
  );

export const badConfig = (root: string, what: string): DenoiseError =>
  input(
    "bad-config",
    `config.json in ${root}: ${what}. Compare it with the one the model was published with.`,
  );

export const unsupportedArchitecture = (
  modelType: string,
  supported: readonly string[],
  reason: string | null,
): DenoiseError =>
  input(
    "unsupported-architecture",
    `model_type "${modelType}" is not supported${reason === null ? "" : `: ${reason}`}. ` +
      `Supported: ${supported.join(", ")}. \`inspect\` opens the checkpoint all the same.`,
  );

export const unsupportedFeature = (modelType: string, feature: string, why: string): DenoiseError =>
  input("unsupported-feature", `This ${modelType} checkpoint uses ${feature}: ${why}.`);

export const missingTensor = (root: string, name: string): DenoiseError =>
  input(
    "missing-tensor",
    `${root}: tensor ${name} is missing, though config.json calls for it. Check num_hidden_layers and model_type, ` +
      `or fetch the checkpoint again.`,
  );

export const shapeMismatch = (
  file: string,
  name: string,
  found: readonly number[],
  expected: readonly number[],
): DenoiseError =>
  input(
    "shape-mismatch",
    `${file}: tensor ${name} has shape [${found.join(", ")}], but config.json says [${expected.join(", ")}]. ` +
      `The config belongs to another checkpoint.`,
  );

export const notFloat = (file: string, name: string, dtype: string): DenoiseError =>
  input(
    "not-float",
    `${file}: tensor ${name} is stored as ${dtype}. Only F64, F32, F16 and BF16 weights can be pruned; ` +
      `start from the unquantized checkpoint.`,
  );

export const nonFiniteWeights = (file: string, name: string, count: number): DenoiseError =>
  input(
    "non-finite-weights",
    `${file}: tensor ${name} holds ${count} NaN or infinite values. The checkpoint is damaged or diverged in training.`,
  );

export const nonFiniteActivations = (layer: number): DenoiseError =>
  failed(
    "non-finite-activations",
    text`The activations of layer ${layer} are NaN or infinite. If the checkpoint runs elsewhere in bfloat16,
      its values may exceed this device's range: try ${option("device", "wasm")}, which computes in float32.`,
  );
