/** The work behind the commands, loaded only when one needs it: `--help` must not start TensorFlow.js. */
import type { DeviceReport } from "../backend/index.ts";
import type { DatasetOptions, DownloadedModel, HubOptions, TextUse } from "../hub/index.ts";
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

export interface Engine {
  prune(options: PruneOptions, listener: RunListener, signal: AbortSignal): Promise<PruneResult>;
  planPrune(options: PruneOptions, signal: AbortSignal): Promise<Plan>;
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
  /** Paths of texts, those with a name of the field (`c4`, `wikitext2`) fetched where they are not in the cache. */
  resolveTextFiles(
    names: readonly string[],
    use: TextUse,
    options: DatasetOptions,
  ): Promise<readonly string[]>;
  /** The page that compares runs, complete in itself. */
  renderComparison(report: ComparisonReport): Promise<string>;
}

export const engine: Engine = {
  prune: async (...args) => (await import("../pipeline/index.ts")).prune(...args),
  planPrune: async (...args) => (await import("../pipeline/index.ts")).planPrune(...args),
  evaluate: async (...args) => (await import("../pipeline/index.ts")).evaluate(...args),
  evaluateTasks: async (...args) => (await import("../pipeline/index.ts")).evaluateTasks(...args),
  listDevices: async () => (await import("../backend/index.ts")).listDevices(),
  download: async (...args) => (await import("../hub/index.ts")).downloadModel(...args),
  resolveTextFiles: async (...args) => (await import("../hub/index.ts")).resolveTextFiles(...args),
  renderComparison: async (report) =>
    (await import("../pipeline/index.ts")).renderComparison(report),
};
