/** The work behind the commands, loaded only when one needs it: `--help` must not start TensorFlow.js. */
import type { DeviceReport } from "../backend/index.ts";
import type {
  EvaluateOptions,
  EvaluateResult,
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
  listDevices(): Promise<readonly DeviceReport[]>;
  /** The page that compares runs, complete in itself. */
  renderComparison(report: ComparisonReport): Promise<string>;
}

export const engine: Engine = {
  prune: async (...args) => (await import("../pipeline/index.ts")).prune(...args),
  planPrune: async (...args) => (await import("../pipeline/index.ts")).planPrune(...args),
  evaluate: async (...args) => (await import("../pipeline/index.ts")).evaluate(...args),
  listDevices: async () => (await import("../backend/index.ts")).listDevices(),
  renderComparison: async (report) =>
    (await import("../pipeline/index.ts")).renderComparison(report),
};
