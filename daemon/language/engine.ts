/** What the language features ask of the engine; answered outside this process. */
import type { ModelFacts } from "../jobs/index.ts";
import type { Plan, PruneOptions } from "../pipeline/index.ts";

export interface Engine {
  /** @throws as a run would before its work */
  plan(options: PruneOptions, signal: AbortSignal): Promise<Plan>;
  /** @throws model/… for a config that cannot be pruned or does not fit the weights in `root` */
  model(root: string, config: unknown, signal: AbortSignal): Promise<ModelFacts>;
}
