/**
 * DOORWAY of the hub room: models and the field's standard texts fetched from a Hugging Face hub, checked and kept.
 * Knows files and checksums, not what is in them. Nothing is ever uploaded.
 */
export {
  DATASET_NAMES,
  namedDataset,
  resolveTextFiles,
  type DatasetName,
  type DatasetOptions,
  type TextUse,
} from "./datasets.ts";
export { downloadModel, type DownloadedModel } from "./downloadModel.ts";
export type { HubOptions } from "./settings.ts";
export { SOURCE_FILE, type Source } from "./source.ts";
export type { DownloadProgress } from "./transferAll.ts";
