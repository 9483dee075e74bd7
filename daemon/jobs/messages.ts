/**
 * What daemon and worker say to each other over Node's IPC channel. Both ends are this program in the same version,
 * so the messages are typed and not validated again.
 */
import type { DeviceReport } from "../backend/index.ts";
import type { EvaluateOptions, Plan, PruneOptions, RunEvent } from "../pipeline/index.ts";
import type { JobResult } from "../protocol/jobs.ts";
import type { LayerShape } from "../vocabulary.ts";
import type { SentError } from "./errors.ts";

/** A job's work; a worker does one and ends. */
export type Work =
  | {
      readonly kind: "prune";
      readonly options: PruneOptions;
      /** Go on with an unfinished run, if there is one. */
      readonly resume: boolean;
    }
  | { readonly kind: "evaluate"; readonly options: EvaluateOptions };

/** What config.json says of a model, and its tensors bear out. */
export interface ModelFacts {
  readonly modelType: string;
  readonly shape: LayerShape;
  readonly layers: number;
}

/** Short questions that need the engine; a worker without a job answers any number, one after the other. */
export interface Questions {
  readonly devices: { readonly asked: null; readonly answer: readonly DeviceReport[] };
  readonly plan: { readonly asked: PruneOptions; readonly answer: Plan };
  /** `config` is the parsed config.json as edited; its tensors are looked at where `root` has weights. */
  readonly model: {
    readonly asked: { readonly root: string; readonly config: unknown };
    readonly answer: ModelFacts;
  };
}
export type Topic = keyof Questions;

export type Question = { [T in Topic]: { topic: T; asked: Questions[T]["asked"] } }[Topic];

export type ToWorker =
  | { readonly type: "work"; readonly work: Work }
  | { readonly type: "cancel" }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  | { readonly type: "withdraw"; readonly id: number };

export type FromWorker =
  | { readonly type: "event"; readonly event: RunEvent }
  | { readonly type: "memory"; readonly hostBytes: number; readonly deviceBytes: number }
  | { readonly type: "done"; readonly result: JobResult }
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "answer"; readonly id: number; readonly answer: Questions[Topic]["answer"] }
  | { readonly type: "refusal"; readonly id: number; readonly error: SentError };
