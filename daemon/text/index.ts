/**
 * DOORWAY of the text room: text files and a checkpoint's tokenizer in, windows of token ids out. Knows no tensors
 * and no weights.
 */
export { checkVocabulary, largestId, loadTokenizer, type Tokenizer } from "./tokenizer.ts";
export { readDocuments, type Document, type ReadOptions } from "./documents.ts";
export {
  sampleCalibration,
  type CalibrationOptions,
  type CalibrationSet,
  type Sampling,
} from "./calibration.ts";
export { evaluationWindows, type EvaluationOptions, type EvaluationSet } from "./evaluation.ts";
export { readRecords, type DataRecord } from "./records.ts";
export { fingerprint, type SourceFile } from "./bytes.ts";
