/** What jobs open around their work and close again whatever happens: a model, a device. */
import { openBackend, type Backend, type DeviceRequest } from "../backend/index.ts";
import { openCheckpoint } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import { openModel, type Model } from "../model/index.ts";
import { cancelled } from "./errors.ts";
import type { RunListener } from "./events.ts";

/** @throws what opening and `work` throw; pipeline/cancelled where the signal stopped something without a word */
export async function withModel<T>(
  path: string,
  signal: AbortSignal,
  work: (model: Model) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(path, { signal });
  try {
    return await work(openModel(checkpoint));
  } catch (error) {
    if (signal.aborted && !(error instanceof DenoiseError)) throw cancelled(false);
    throw error;
  } finally {
    await checkpoint.close();
  }
}

export async function withDevice<T>(
  request: DeviceRequest | undefined,
  listener: RunListener,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await openBackend(request ?? "auto");
  const { description, reason } = backend;
  listener({ type: "device", description, reason });
  try {
    return await work(backend);
  } finally {
    await backend.dispose();
  }
}

/** Tells the share done of a job that is all evaluation. */
export function evaluationProgress(model: Model, listener: RunListener) {
  const { layers } = model.config;
  return (fraction: number): void => {
    listener({ type: "progress", stage: "evaluate", layer: null, layers, fraction });
  };
}
