import { coded, type DenoiseError } from "../errors.ts";

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

export const unsupportedFeature = (
  root: string,
  modelType: string,
  feature: string,
  why: string,
): DenoiseError =>
  input(
    "unsupported-feature",
    `${root}/config.json: this ${modelType} checkpoint uses ${feature}: ${why}.`,
  );

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
    `The activations of layer ${layer} are NaN or infinite: its weights, or those of a layer before, are too large for ` +
      `what they are multiplied with. The checkpoint is damaged, or was converted wrongly: fetch it again, or start ` +
      `from the one it was made from.`,
  );
