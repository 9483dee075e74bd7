/** The work behind the commands, loaded only when one needs it: `--help` must not start TensorFlow.js. */
import type { DeviceReport } from "../backend/index.ts";
import type { DatasetOptions, DownloadedModel, HubOptions, NamedInputs } from "../hub/index.ts";
import type {
  EvaluateOptions,
  EvaluateResult,
  EvaluateTasksOptions,
  EvaluateTasksResult,
  Plan,
  PruneOptions,
  PruneResult,
  RunListener,
} from "../pipeline/index.ts";
import type { ComparisonReport } from "../report.ts";
import { terminalWords } from "../wording.ts";

export interface Engine {
  prune(options: PruneOptions, listener: RunListener, signal: AbortSignal): Promise<PruneResult>;
  /** Fetches nothing: what is not at hand is not looked at. */
  planPrune(options: PruneOptions, signal: AbortSignal, cache: DatasetOptions): Promise<Plan>;
  evaluate(
    options: EvaluateOptions,
    listener: RunListener,
    signal: AbortSignal,
  ): Promise<EvaluateResult>;
  evaluateTasks(
    options: EvaluateTasksOptions,
    listener: RunListener,
    signal: AbortSignal,
  ): Promise<EvaluateTasksResult>;
  listDevices(): Promise<readonly DeviceReport[]>;
  download(repository: string, folder: string, options: HubOptions): Promise<DownloadedModel>;
  /** What a run names but has not got, fetched where it is not in the cache: texts such as `c4`, the data of tasks. */
  fetchInputs<T extends NamedInputs>(inputs: T, options: DatasetOptions): Promise<T>;
  /** The page that compares runs, complete in itself. */
  renderComparison(report: ComparisonReport): Promise<string>;
}

export const engine: Engine = {
  prune: async (...args) => (await import("../pipeline/index.ts")).prune(...args),
  planPrune: async (options, signal, cache) => {
    const [{ inputsAtHand }, { planPrune }] = await Promise.all([
      import("../hub/index.ts"),
      import("../pipeline/index.ts"),
    ]);
    const { inputs, missing } = await inputsAtHand(options, cache);
    return planPrune(inputs, signal, terminalWords, missing);
  },
  evaluate: async (...args) => (await import("../pipeline/index.ts")).evaluate(...args),
  evaluateTasks: async (...args) => (await import("../pipeline/index.ts")).evaluateTasks(...args),
  listDevices: async () => (await import("../backend/index.ts")).listDevices(),
  download: async (...args) => (await import("../hub/index.ts")).downloadModel(...args),
  fetchInputs: async (...args) => (await import("../hub/index.ts")).fetchInputs(...args),
  renderComparison: async (report) =>
    (await import("../pipeline/index.ts")).renderComparison(report),
};
