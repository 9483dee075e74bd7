/**
 * Learning a rotation: phases of Adam in the Lie algebra, each handing the rotation it keeps to the next. The loop reads
 * one number per step, asynchronously, and lets other events run.
 */
import * as tf from "@tensorflow/tfjs-core";
import { allOrNothing, together } from "../backend/index.ts";
import type { Objective } from "../vocabulary.ts";
import { adamStep, disposeAdam, startAdam, type AdamState } from "./adam.ts";
import { cancelledBefore, lossNotFinite } from "./errors.ts";
import { nextTurn } from "./nextTurn.ts";
import { orthonormalised } from "./orthogonal.ts";
import { disposeEvaluation, type Evaluation, type RotationProblem } from "./problem.ts";
import { cosineAt, criterionAt, defaultLearningRate, phaseSteps, type Phase } from "./schedule.ts";
import { disposeRotation, type Rotation } from "./types.ts";

export interface LearnOptions {
  /** Steps of all phases together. */
  readonly steps: number;
  readonly phases: readonly Phase[];
  /** Adam's η at the start of a phase of rate 1; by default {@link defaultLearningRate} of R1's size. */
  readonly learningRate?: number | undefined;
  /** Whose rotation it is, such as `layer 3`, and how many of its steps went before: for errors. */
  readonly subject?: { readonly name: string; readonly stepsBefore: number } | undefined;
  /** Checked before every step. */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: StepReport) => void) | undefined;
  /** At which steps, counted through all phases from 1, the entropy is wanted beside another objective. */
  readonly entropyAt?: ((step: number) => boolean) | undefined;
}

export interface StepReport {
  /** Counted through all phases, from 1. */
  readonly step: number;
  readonly steps: number;
  readonly objective: Objective;
  readonly loss: number;
  /** The entropy objective at the same rotation, nats: at every step that minimises it, else where it was wanted. */
  readonly entropy?: number;
}

export interface PhaseOutcome {
  readonly objective: Objective;
  readonly steps: number;
  readonly firstLoss: number;
  /** Of the rotation that the phase ends with: its best, or its last where the temperature changes. */
  readonly keptLoss: number;
  /** `plateau`: ended early, nothing was gained any more. */
  readonly ended: "steps" | "plateau";
}

export interface LearnedRotation {
  /** Orthogonal to float32 rounding; owned by the caller. */
  readonly rotation: Rotation;
  readonly phases: readonly PhaseOutcome[];
}

/** A phase ends when its best loss has not improved by this part of itself … */
const PLATEAU_GAIN = 1e-5;
/** … for this many steps, counted only in the second half: before, large steps may hide what is still to gain. */
const PLATEAU_STEPS = 20;

/**
 * @param start where to begin (borrowed), `identityRotation` if nothing better is known
 * @throws method/cancelled by `signal`; method/loss-not-finite
 */
export function learnRotation(
  problem: RotationProblem,
  options: LearnOptions,
  start: Rotation,
): Promise<LearnedRotation> {
  return allOrNothing(() => runPhases(problem, options, start));
}

async function runPhases(
  problem: RotationProblem,
  options: LearnOptions,
  start: Rotation,
): Promise<LearnedRotation> {
  const counts = phaseSteps(options.phases, options.steps);
  const phases: PhaseOutcome[] = [];
  let rotation = cloneRotation(start);
  let done = 0;
  for (const [i, phase] of options.phases.entries()) {
    const from = rotation;
    const steps = counts[i] ?? 0;
    const learned = await runPhase(problem, phase, { from, steps, done }, options);
    disposeRotation(from);
    rotation = learned.rotation;
    phases.push(learned.outcome);
    done += steps;
  }
  const clean = tf.tidy(() => ({
    r1: asMatrix(polished(asStack(rotation.r1))),
    r2: polished(rotation.r2),
  }));
  disposeRotation(rotation);
  return { rotation: clean, phases };
}

interface PhaseStart {
  readonly from: Rotation;
  readonly steps: number;
  /** Steps of the phases before. */
  readonly done: number;
}

async function runPhase(
  problem: RotationProblem,
  phase: Phase,
  { from, steps, done }: PhaseStart,
  options: LearnOptions,
): Promise<{ rotation: Rotation; outcome: PhaseOutcome }> {
  const { objective, temperature } = phase;
  const eta = phase.rate * (options.learningRate ?? defaultLearningRate(problem.d));
  const plateau = createPlateau(steps);
  let firstLoss = NaN;
  let keptLoss = Infinity;
  let kept = cloneRotation(from);
  let here = startMoving(problem, from);
  let taken = 0;
  let ended: PhaseOutcome["ended"] = "steps";
  for (let t = 0; t < steps && ended === "steps"; t++) {
    await nextTurn();
    if (options.signal?.aborted) throw cancelledBefore(`step ${done + t + 1} of a rotation`);
    const withEntropy = objective !== "entropy" && options.entropyAt?.(done + t + 1) === true;
    const criterion = criterionAt(phase, t, steps);
    const value = await problem.evaluate(here.rotation, criterion, withEntropy);
    // Asked for before the move is queued: they come back when they are computed, and an asynchronous machine moves
    // while the next evaluation is queued behind that.
    const asked = together([value.loss.data(), value.entropy?.data()]);
    const next = advance(here, value, eta * cosineAt(phase, t, steps));
    const [[loss = NaN], beside] = await asked;
    const entropy = objective === "entropy" ? loss : beside?.[0];
    disposeEvaluation(value);
    if (temperature !== undefined || loss < keptLoss) {
      disposeRotation(kept);
      kept = cloneRotation(here.rotation);
      keptLoss = loss;
    }
    disposeMoving(here);
    here = next;
    if (!Number.isFinite(loss)) {
      const { name, stepsBefore = 0 } = options.subject ?? {};
      throw lossNotFinite(name, stepsBefore + done + t + 1);
    }
    if (t === 0) firstLoss = loss;
    if (temperature === undefined && plateau.reached(keptLoss)) ended = "plateau";
    taken = t + 1;
    options.onStep?.({
      ...{ step: done + taken, steps: options.steps, objective, loss },
      ...(entropy === undefined ? {} : { entropy }),
    });
  }
  disposeMoving(here);
  return { rotation: kept, outcome: { objective, steps: taken, firstLoss, keptLoss, ended } };
}

/** A rotation under way, with Adam's moments. */
interface Moving {
  readonly rotation: Rotation;
  readonly adam1: AdamState;
  readonly adam2: AdamState;
}

function startMoving(problem: RotationProblem, from: Rotation): Moving {
  return {
    rotation: cloneRotation(from),
    adam1: startAdam(1, problem.d),
    adam2: startAdam(problem.blocks, problem.headDim),
  };
}

function advance({ rotation, adam1, adam2 }: Moving, value: Evaluation, eta: number): Moving {
  return tf.tidy(() => {
    const one = adamStep(asStack(rotation.r1), asStack(value.gradR1), adam1, eta);
    const two = adamStep(rotation.r2, value.gradR2, adam2, eta);
    return {
      rotation: { r1: asMatrix(one.r), r2: two.r },
      adam1: one.state,
      adam2: two.state,
    };
  });
}

function disposeMoving({ rotation, adam1, adam2 }: Moving): void {
  disposeRotation(rotation);
  disposeAdam(adam1);
  disposeAdam(adam2);
}

function asStack(r: tf.Tensor2D): tf.Tensor3D {
  return tf.reshape(r, [1, ...r.shape]);
}

function asMatrix(r: tf.Tensor3D): tf.Tensor2D {
  const [, n] = r.shape;
  return tf.reshape(r, [n, n]);
}

function cloneRotation({ r1, r2 }: Rotation): Rotation {
  return { r1: tf.clone(r1), r2: tf.clone(r2) };
}

/** Twice is enough from anywhere near: the error of RᵀR goes e → ¾e² each time. */
function polished(r: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => orthonormalised(orthonormalised(r)));
}

function createPlateau(steps: number): { reached(bestLoss: number): boolean } {
  let reference = Infinity;
  let seen = 0;
  let since = 0;
  return {
    reached(bestLoss) {
      seen += 1;
      if (seen < steps / 2 || bestLoss < reference - PLATEAU_GAIN * Math.abs(reference)) {
        reference = bestLoss;
        since = 0;
        return false;
      }
      since += 1;
      return since >= PLATEAU_STEPS;
    },
  };
}
