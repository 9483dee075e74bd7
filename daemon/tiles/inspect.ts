/** What a checkpoint is, from headers alone. */
import type { Checkpoint } from "../checkpoint/index.ts";
import type { Inspection } from "../protocol/checkpoints.ts";

export function inspect(checkpoint: Checkpoint): Inspection {
  const { root, files, tensors, metadata, config, notes } = checkpoint;
  const fileAt = new Map(files.map(({ path }, i) => [path, i]));
  return {
    root,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    tensors: [...tensors.values()].map(({ name, dtype, shape, bytes, file, offset }) => ({
      name,
      dtype,
      shape,
      bytes,
      file: fileAt.get(file) ?? 0,
      offset,
    })),
    metadata,
    modelType: modelTypeOf(config),
    notes,
  };
}

function modelTypeOf(config: unknown): string | null {
  if (typeof config !== "object" || config === null || !("model_type" in config)) return null;
  return typeof config.model_type === "string" ? config.model_type : null;
}
