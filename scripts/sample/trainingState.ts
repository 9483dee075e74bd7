/** Training on disk: parameters and moments in one safetensors file, so that a stopped training goes on. */
import { encodeFloats, openCheckpoint, writeSafetensors } from "../../daemon/checkpoint/index.ts";
import { initialState, type AdamWState } from "./adamw.ts";
import { initialParameters, type Parameters } from "./parameters.ts";
import type { ModelConfig } from "../../daemon/model/index.ts";

export interface TrainingState {
  /** Updates done. */
  readonly step: number;
  readonly parameters: Parameters;
  readonly moments: AdamWState;
}

export function freshState(config: ModelConfig, seed: number): TrainingState {
  const parameters = initialParameters(config, seed);
  return { step: 0, parameters, moments: initialState(parameters) };
}

const FIRST = "first.";
const SECOND = "second.";

/** @param identity of model, data and recipe: {@link loadState} gives back only what was saved under the same one */
export async function saveState(
  path: string,
  identity: string,
  state: TrainingState,
): Promise<void> {
  const tensors = [...state.parameters].flatMap(([name, { shape, values }]) => {
    const moments = state.moments.get(name);
    if (moments === undefined) throw new RangeError(`no moments of ${name}`);
    const tensor = (prefix: string, data: Float32Array) => ({
      name: prefix + name,
      dtype: "F32" as const,
      shape: [...shape],
      data: encodeFloats("F32", data),
    });
    return [tensor("", values), tensor(FIRST, moments.first), tensor(SECOND, moments.second)];
  });
  await writeSafetensors(path, tensors, { identity, step: String(state.step) });
}

/** Fills `state`'s arrays from the file. Gives `state` back as it is if there is no file of that identity. */
export async function loadState(
  path: string,
  identity: string,
  state: TrainingState,
): Promise<TrainingState> {
  const file = await openCheckpoint(path).catch(() => undefined);
  if (file === undefined) return state;
  try {
    const metadata = file.files[0]?.metadata ?? {};
    if (metadata.identity !== identity) return state;
    for (const [name, { values }] of state.parameters) {
      values.set(await file.readFloats(name));
      state.moments.get(name)?.first.set(await file.readFloats(FIRST + name));
      state.moments.get(name)?.second.set(await file.readFloats(SECOND + name));
    }
    return { ...state, step: Number(metadata.step) };
  } finally {
    await file.close();
  }
}
