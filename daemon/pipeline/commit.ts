/**
 * From finished layer files to the output folder: every tensor to its place in the planned shards, a config that
 * says what the checkpoint is, the tokenizer. Everything lands in a temporary sibling first.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  companionFiles,
  encodeFloats,
  planShards,
  type Checkpoint,
  type CheckpointWriter,
  type ShardPlan,
} from "../checkpoint/index.ts";
import { ROTATED_MODEL_TYPE, type Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import { withLayerFile } from "./layerFile.ts";
import { boundaryLayers } from "./outputPlan.ts";
import { modelingFiles } from "./ownFiles.ts";
import type { PlannedTensor } from "./plan.ts";
import type { Run } from "./run.ts";

export function planOutput(
  tensors: readonly PlannedTensor[],
  checkpoint: Checkpoint,
  maxShardBytes: number,
): ShardPlan {
  return planShards(tensors, { maxShardBytes, metadata: checkpoint.metadata });
}

/** Raw bytes moved at a time. */
const CHUNK_BYTES = 4 << 20;

/** Tensors of the finished layers, as they are. */
export async function writeLayers(run: Run, writer: CheckpointWriter): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let i = 0; i < run.model.config.layers; i++) {
    await withLayerFile(run.work.layer(i), async ({ outputs, readInto }) => {
      for (const { name, bytes } of outputs) {
        for (let offset = 0; offset < bytes; offset += buffer.byteLength) {
          run.signal.throwIfAborted();
          await writer.write(name, await readInto(name, buffer, offset), offset);
        }
      }
    });
    run.progress.at((i + 1) / (run.model.config.layers + 1));
  }
}

/** Tensors that pass through, byte for byte or recast to another float dtype. */
export async function writeCopies(
  run: Run,
  writer: CheckpointWriter,
  tensors: readonly PlannedTensor[],
): Promise<void> {
  const { checkpoint } = run.model;
  for (const { name, dtype, fate } of tensors) {
    if (fate !== "copied") continue;
    const entry = checkpoint.tensors.get(name);
    if (!entry) throw new RangeError(`${name} was planned but is not in the input`);
    const recast = entry.dtype === dtype ? null : run.dtypeOf(name);
    const [rows = 1] = entry.shape;
    const rowBytes = entry.bytes / Math.max(1, rows);
    const step = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
    const buffer = new Uint8Array(recast ? 0 : Math.min(step * rowBytes, entry.bytes));
    let offset = 0;
    for (let rowStart = 0; rowStart < rows && entry.bytes > 0; rowStart += step) {
      run.signal.throwIfAborted();
      const rowEnd = Math.min(rowStart + step, rows);
      const data = recast
        ? encodeFloats(recast, await checkpoint.readFloats(name, { rowStart, rowEnd }))
        : await checkpoint.readInto(name, buffer, rowStart * rowBytes);
      await writer.write(name, data, offset);
      offset += data.byteLength;
    }
  }
}

/** Everything in the folder beside weights and reports. */
export async function writeCompanions(run: Run, writer: CheckpointWriter): Promise<void> {
  const { model, recipe } = run;
  const input = await readFile(join(model.checkpoint.root, "config.json"), "utf8");
  await writer.writeFile("config.json", configText(outputConfig(model, recipe), input));
  for (const file of await companionFiles(model.checkpoint.root)) await writer.copyFile(file.path);
  if (boundaryLayers(recipe, model.config.layers).length > 0) {
    for (const [name, text] of modelingFiles()) await writer.writeFile(name, text);
  }
}

/**
 * The input's `config.json` with what changed. Boundary matrices get a `model_type` of their own on purpose: a loader
 * that does not know them must fail, not ignore them.
 */
export function outputConfig(model: Model, recipe: Recipe): Record<string, unknown> {
  const config: Record<string, unknown> = { ...model.config.raw };
  if (recipe.rotation.kind !== "none") config.tie_word_embeddings = false;
  if (recipe.dtype !== "keep") {
    const name = { bf16: "bfloat16", f16: "float16", f32: "float32" }[recipe.dtype];
    config["dtype" in config ? "dtype" : "torch_dtype"] = name;
  }
  const boundaries = boundaryLayers(recipe, model.config.layers);
  if (boundaries.length === 0) return config;
  return {
    ...config,
    architectures: ["DenoiseRotatorForCausalLM"],
    auto_map: {
      AutoConfig: "configuration_denoise_rotator.DenoiseRotatorConfig",
      AutoModelForCausalLM: "modeling_denoise_rotator.DenoiseRotatorForCausalLM",
    },
    base_model_type: model.config.modelType,
    model_type: ROTATED_MODEL_TYPE,
    rotation_boundaries: boundaries,
  };
}

/**
 * JavaScript writes 8.0 as 8, and transformers minds (`rope_scaling.factor` must be a float): numbers that the input
 * wrote as whole floats are written so again.
 */
export function configText(config: Record<string, unknown>, input: string): string {
  const written = (number: string): string[] =>
    [...input.matchAll(new RegExp(`"(\\w+)"\\s*:\\s*${number}\\s*[,}\\n]`, "g"))].map(
      ([, key]) => key ?? "",
    );
  // A key that stands for a whole number elsewhere in the file is left alone.
  const whole = new Set(written("-?\\d+"));
  const floats = new Set(written("-?\\d+\\.0+").filter((key) => !whole.has(key)));
  const text = JSON.stringify(config, null, 2).replace(
    /"(\w+)": (-?\d+)(?=,?\n)/g,
    (line, key: string) => (floats.has(key) ? `${line}.0` : line),
  );
  return `${text}\n`;
}
