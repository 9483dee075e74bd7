/** The pipeline room: whole jobs, from paths and options to files and a report. */
export { evaluateCheckpoint as evaluate, type EvaluateResult } from "./evaluateCheckpoint.ts";
export type { TaskChoice, TaskResult, TaskSample } from "./askTasks.ts";
export {
  evaluateTasks,
  type EvaluateTasksOptions,
  type EvaluateTasksResult,
} from "./evaluateTasks.ts";
export { renderComparison, renderRunReport } from "./htmlReport.ts";
export { STAGES, silent, type RunEvent, type RunListener, type Stage } from "./events.ts";
export type { EvaluateOptions, ProfileChoice, PruneOptions } from "./options.ts";
export type { Plan, PlannedTensor, Shortage, TensorFate } from "./plan.ts";
export { planPrune, prune, pruneOn } from "./prune.ts";
export { DEFAULTS } from "./recipe.ts";
export type { PruneResult } from "./runPlanned.ts";
