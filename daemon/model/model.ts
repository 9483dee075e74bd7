/** A checkpoint understood as a model: its config held against its tensors. */
import type { Checkpoint } from "../checkpoint/index.ts";
import { parseConfig, type ModelConfig } from "./config.ts";
import { noConfig } from "./errors.ts";
import { checkTensors, type EndTensors } from "./tensors.ts";

export interface Model {
  readonly checkpoint: Checkpoint;
  readonly config: ModelConfig;
  readonly ends: EndTensors;
}

/** @throws every `model/…` error of config and tensors */
export function openModel(checkpoint: Checkpoint): Model {
  if (checkpoint.config === null) throw noConfig(checkpoint.root);
  const config = parseConfig(checkpoint.config, checkpoint.root);
  return { checkpoint, config, ends: checkTensors(checkpoint, config) };
}
