/** What can go wrong in the mathematics; each text says which matrix and what to do. */
import { coded } from "../errors.ts";
import type { DenoiseError } from "../errors.ts";
import type { Role } from "../vocabulary.ts";
import { option, text } from "../wording.ts";

const usage = coded("method", "usage");
const failed = coded("method", "failed");
const cancelled = coded("method", "cancelled");

export function patternOutOfRange(pattern: string): DenoiseError {
  return usage(
    "pattern-out-of-range",
    `Pattern ${pattern} deletes nothing or everything: choose N:M with 0 < N < M, or a share between 0 and 1.`,
  );
}

export function patternDoesNotFit(
  role: Role,
  out: number,
  columns: number,
  of: number,
  root?: string,
): DenoiseError {
  return usage(
    "pattern-does-not-fit",
    `Matrix ${role} [${out}, ${columns}]${root === undefined ? "" : ` of ${root}`} has ${columns} input columns, which groups of ${of} do not divide. ` +
      `Choose an M that divides ${columns}, or an unstructured share.`,
  );
}

export function blockTooSmall(blockSize: number, of: number): DenoiseError {
  return usage(
    "block-too-small",
    `A SparseGPT block of ${blockSize} columns holds no group of ${of}: choose a block size of at least ${of}.`,
  );
}

export function badDamping(damping: number): DenoiseError {
  return usage(
    "bad-damping",
    `Damping ${damping} is not usable: choose a number above 0 and at most 1 (0.01 is usual).`,
  );
}

export function hessianNotFinite(): DenoiseError {
  return failed(
    "hessian-not-finite",
    "The Hessian of a calibration input holds NaN or Inf: the activations that made it are not finite. " +
      "Check the checkpoint's weights, or calibrate with other text.",
  );
}

export function notPositiveDefinite(lastDamping: number): DenoiseError {
  return failed(
    "not-positive-definite",
    `The Hessian of a calibration input is not positive definite, even with damping ${lastDamping}. ` +
      "Use more calibration samples, or another method (wanda needs no inverse).",
  );
}

/** @param of whose rotation, such as `layer 3` */
export function lossNotFinite(of: string | undefined, step: number): DenoiseError {
  return failed(
    "loss-not-finite",
    text`The loss of the rotation${of === undefined ? "" : ` of ${of}`} became NaN or Inf at step ${step}: weights or
      activations there are too large for float32, or the learning rate is too high. Check the checkpoint, or try a
      smaller ${option("learningRate")}.`,
  );
}

/** @param before what the work had reached, such as `step 12 of a rotation` */
export function cancelledBefore(before: string): DenoiseError {
  return cancelled("cancelled", `Cancelled before ${before}.`);
}
