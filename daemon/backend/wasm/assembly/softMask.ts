/**
 * The soft mask of one row (mathematics in ../../fused/prunedMass.ts). Scores are floats that are not negative.
 * It depends on the two scores at the border of the choice alone, not on which of equal ones are chosen.
 */
import { borderOfRow, lowestOfGroups } from "./select";
import { exp, load, log, store } from "./vector";

const EMPTY_MASS: f32 = 1e-30;
/** Beyond e^±30 the mask is 0 or 1 in float32. */
const FARTHEST: f32 = 30;

/**
 * @param mask a row of floats in 0 … 1
 * @param count 0 < count < group, or < cols where group is 0
 * @param sharpness 1/T
 */
export function softMask(
  scores: usize,
  mask: usize,
  cols: i32,
  count: i32,
  group: i32,
  sharpness: f32,
  histogram: usize,
): void {
  if (group == 4) {
    fourByFour(scores, mask, cols, count, sharpness);
    return;
  }
  if (group) thresholdsOfGroups(scores, mask, cols, count, group);
  else thresholdOfRow(scores, mask, cols, count, histogram);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const logS = logOf(load(scores + at, cols - j));
    store(mask + at, soften(logS, load(mask + at, cols - j), sharpness), cols - j);
  }
}

/** sigmoid((ln θ − ln s) / T) */
function soften(logS: v128, threshold: v128, sharpness: f32): v128 {
  const one = f32x4.splat(1);
  let x = f32x4.mul(f32x4.sub(logS, threshold), f32x4.splat(sharpness));
  x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-FARTHEST)), f32x4.splat(FARTHEST));
  return f32x4.div(one, f32x4.add(one, exp(x)));
}

function logOf(scores: v128): v128 {
  return log(f32x4.add(scores, f32x4.splat(EMPTY_MASS)));
}

/**
 * A group is a vector. Each lane meets its neighbour, then the pairs meet: that finds the lowest, the highest and the
 * two between them, in every lane. Logarithms order like the scores, so they are taken once and sorted themselves.
 */
function fourByFour(scores: usize, mask: usize, cols: i32, count: i32, sharpness: f32): void {
  const half = f32x4.splat(0.5);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const logS = logOf(v128.load(scores + at));
    const neighbour = v128.shuffle<i32>(logS, logS, 1, 0, 3, 2);
    const lower = f32x4.pmin(logS, neighbour);
    const upper = f32x4.pmax(logS, neighbour);
    const otherLower = v128.shuffle<i32>(lower, lower, 2, 3, 0, 1);
    const otherUpper = v128.shuffle<i32>(upper, upper, 2, 3, 0, 1);
    const between = f32x4.pmax(lower, otherLower);
    const betweenToo = f32x4.pmin(upper, otherUpper);
    let border = f32x4.add(between, betweenToo);
    if (count == 1) {
      border = f32x4.add(f32x4.pmin(lower, otherLower), f32x4.pmin(between, betweenToo));
    } else if (count == 3) {
      border = f32x4.add(f32x4.pmax(between, betweenToo), f32x4.pmax(upper, otherUpper));
    }
    v128.store(mask + at, soften(logS, f32x4.mul(border, half), sharpness));
  }
}

/** ln θ of each column's group. */
function thresholdsOfGroups(
  scores: usize,
  thresholds: usize,
  cols: i32,
  count: i32,
  group: i32,
): void {
  const chosen = thresholds;
  lowestOfGroups(scores, chosen, cols, count, group);
  for (let start = 0; start < cols; start += group) {
    let low: i32 = 0;
    let high: i32 = i32.MAX_VALUE;
    // On bits, since a branch on the choice would be guessed wrongly half the time.
    for (let j = start; j < start + group; j++) {
      const s = i32.load(scores + ((<usize>j) << 2));
      const goes = i32.load(chosen + ((<usize>j) << 2));
      low = max(low, s & goes);
      high = min(high, s | (goes & i32.MAX_VALUE));
    }
    const border = i32x4.replace_lane(i32x4.splat(low), 1, high);
    fill(thresholds + ((<usize>start) << 2), group, thresholdBetween(border));
  }
}

/** ln θ of the row, in each column. */
function thresholdOfRow(
  scores: usize,
  thresholds: usize,
  cols: i32,
  count: i32,
  histogram: usize,
): void {
  const border = borderOfRow(scores, thresholds, cols, count, histogram);
  fill(thresholds, cols, thresholdBetween(border));
}

/** ln θ in every lane, from the scores on both sides of the border in lanes 0 and 1. */
function thresholdBetween(border: v128): v128 {
  const logs = logOf(border);
  const sum = f32x4.add(logs, v128.shuffle<i32>(logs, logs, 1, 0, 3, 2));
  return f32x4.mul(v128.shuffle<i32>(sum, sum, 0, 0, 0, 0), f32x4.splat(0.5));
}

function fill(at: usize, count: i32, value: v128): void {
  for (let j = 0; j < count; j += 4) store(at + ((<usize>j) << 2), value, count - j);
}
