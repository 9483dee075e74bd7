/**
 * Checkpoints: safetensors files read by byte ranges and written in place. Knows files and bytes, no TensorFlow.js.
 *
 * The npm package `safetensors` (0.0.1) is not used here: it holds whole files in memory, checks nothing (lengths,
 * offsets, duplicate names), fails on any file with `__metadata__`, which every Hugging Face checkpoint has, converts
 * no types and cannot write. It serves the tests as an independent reader.
 */

export type { Checkpoint, CheckpointFile, RowRange, TensorEntry } from "./checkpoint.ts";
export type { CompanionFile } from "./companions.ts";
export { companionFiles, isCompanionName } from "./companions.ts";
export type { DType, DTypeInfo, FloatDType, NumericDType, WeightDType } from "./dtype.ts";
export {
  DTYPES,
  byteCount,
  dtypeInfo,
  isDType,
  isFloatDType,
  isNumericDType,
  isWeightDType,
} from "./dtype.ts";
export { fingerprint } from "./fingerprint.ts";
export { readFully, writeFully } from "./fileAccess.ts";
export { decodeFloats, encodeFloats, encodeRounding } from "./floats.ts";
export { formatBytes } from "./formatBytes.ts";
export { GrowingFile } from "./growingFile.ts";
export { expectArray } from "./hostMemory.ts";
export type { OpenOptions } from "./open.ts";
export { openCheckpoint } from "./open.ts";
export { outputError } from "./outputErrors.ts";
export { assertOutputAllowed } from "./outputSafety.ts";
export type { PlannedFile, PlannedTensor, ShardOptions, ShardPlan, TensorSpec } from "./plan.ts";
export { planShards } from "./plan.ts";
export { parseSize } from "./size.ts";
export type { TensorStatistics } from "./statistics.ts";
export { tensorStatistics } from "./statistics.ts";
export type { TensorData } from "./workFile.ts";
export { writeSafetensors } from "./workFile.ts";
export { CheckpointWriter } from "./writer.ts";
export { countZeros } from "./zeros.ts";
