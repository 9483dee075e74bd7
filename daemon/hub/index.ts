/**
 * DOORWAY of the hub room: models and the field's standard texts fetched from a Hugging Face hub, checked and kept.
 * Knows files and checksums, not what is in them. Nothing is ever uploaded.
 */
export { namedDataset, resolveTextFiles, textFilesAtHand, type TextUse } from "./datasets.ts";
export type { DatasetOptions } from "./cached.ts";
export { fetchInputs, inputsAtHand, type NamedInputs } from "./fetchInputs.ts";
export { downloadModel, type DownloadedModel } from "./downloadModel.ts";
export type { HubOptions } from "./settings.ts";
export { SOURCE_FILE, type Source } from "./source.ts";
export { fetchTaskData } from "./taskData.ts";
export type { DownloadProgress } from "./transferAll.ts";
