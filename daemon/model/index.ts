/** The model room: what a checkpoint is (config, roles, tensors) and its forward pass, layer by layer. */
export { parseConfig, ROTATED_MODEL_TYPE, type ModelConfig } from "./config.ts";
export {
  decoderLayer,
  disposeContext,
  sequenceContext,
  type DecoderLayer,
  type InputObserver,
  type SequenceContext,
} from "./decoder.ts";
export { openEmbedding, type Embedding } from "./embedding.ts";
export * as modelErrors from "./errors.ts";
export { logits, openHead, tokenLosses, type Head } from "./head.ts";
export { openModel, type Model } from "./model.ts";
export { readMatrix } from "./rows.ts";
export {
  biasName,
  boundaryName,
  checkTensors,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  inputNormName,
  postAttentionNormName,
  storedMatrices,
  weightName,
  weightPlace,
  type EndTensors,
  type MatrixPlace,
  type StoredMatrix,
} from "./tensors.ts";
export { clonedLayer, disposeLayer, readFiniteFloats, readLayer, readVector } from "./weights.ts";
