/**
 * DOORWAY of the tasks room: zero-shot multiple-choice tasks as lm-evaluation-harness defines them. Rows of data sets
 * in, requests as token ids out, and accuracies from their log-likelihoods. Knows no tensors and no weights.
 */
export { encodeRequest, modelInput, type EncodedRequest, type ModelInput } from "./encode.ts";
export { findTaskFiles } from "./files.ts";
export { readItems } from "./items.ts";
export { figure, isRight, type Figure } from "./metrics.ts";
export { METRICS, type Item, type Metric, type Request } from "./task.ts";
export { HARNESS, TASKS } from "./tasks.ts";
