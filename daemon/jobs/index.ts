/** The jobs room: queue, history and supervision of the workers. */
export { cancelled, infoOf, received } from "./errors.ts";
export type { JobWatcher } from "./feed.ts";
export { Helper } from "./helper.ts";
export { Jobs } from "./jobs.ts";
export type { ModelFacts } from "./messages.ts";
