/** Doorway of the method: importance, objectives, rotations and pruners, as functions on tensors. */
export { columnWeights, importance } from "./columnWeights.ts";
export { regroupComparisons, regroupShares, stepFlops } from "./flops.ts";
export { createAccumulator, isFiniteHessian, type HessianAccumulator } from "./hessian.ts";
export { createJointProblem, splitRotation, type LayerSource } from "./jointProblem.ts";
export { createLayerProblem, STACK_UP_TO, type LayerProblem } from "./layerProblem.ts";
export {
  learnRotation,
  type LearnedRotation,
  type LearnOptions,
  type PhaseOutcome,
  type StepReport,
} from "./learn.ts";
export { dampedFactor, type DampedFactor } from "./linalg/index.ts";
export { pruneMagnitude } from "./magnitude.ts";
export { assertPatternFits } from "./masks.ts";
export { measure, type LayerFigures, type MatrixFigures } from "./measure.ts";
export {
  buildMetric,
  disposeMetric,
  type BuiltMetric,
  type LayerMetric,
  type RaisedDamping,
} from "./metric.ts";
export { permuteMetric, permuteNeurons } from "./neurons.ts";
export {
  disposeEvaluation,
  type Criterion,
  type Evaluation,
  type RotationProblem,
} from "./problem.ts";
export { regroupLayer, type Regrouping, type RegroupOptions } from "./regroupLayer.ts";
export { foldedMatrix, foldRotation, identityRotation, rotateValueBias } from "./rotation.ts";
export {
  DEFAULT_PHASES,
  defaultLearningRate,
  phaseSteps,
  regroupedStretches,
  type Phase,
} from "./schedule.ts";
export { gpusForRotation } from "./shares.ts";
export { pruneSparseGpt, type SparseGptOptions } from "./sparsegpt.ts";
export { disposeRotation, type Hessians, type LayerMatrices, type Rotation } from "./types.ts";
export { pruneWanda } from "./wanda.ts";
