/**
 * The soft mask of one row (mathematics in ../../fused/prunedMass.ts). Rows of scratch memory are padded to whole
 * vectors, and scores are 0 in the padding: chosen before all others, with the lowest logarithm there is.
 * Logarithms are to base 2, which costs fewer operations: m = 1 / (1 + 2^((log₂ s − log₂ θ) / T)).
 */
import { borderIsTied, kthLowest, lowestOfGroups } from "./select";
import { exp2, log2 } from "./vector";

const EMPTY_MASS: f32 = 1e-30;
/** Beyond 2^±43 the mask is 0 or 1 in float32. */
const FARTHEST: f32 = 43;
/** Above every logarithm. */
const FAR: f32 = 1000;

/**
 * @param scores a row, not negative
 * @param mask a row; becomes 0 … 1
 * @param count 0 < count < group, or < cols where group is 0
 * @param logs a row for the logarithms
 */
export function softMask(
  scores: usize,
  mask: usize,
  cols: i32,
  count: i32,
  group: i32,
  temperature: f64,
  logs: usize,
  histogram: usize,
): void {
  const tiny = f32x4.splat(EMPTY_MASS);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    v128.store(logs + at, log2(f32x4.add(v128.load(scores + at), tiny)));
  }
  if (group == 4) thresholdsOfFours(logs, mask, cols, count);
  else if (group) thresholdsOfGroups(scores, logs, mask, cols, count, group);
  else thresholdOfRow(scores, logs, mask, cols, count, histogram);

  const one = f32x4.splat(1);
  const sharpness = f32x4.splat(<f32>(1 / temperature));
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const above = f32x4.sub(v128.load(logs + at), v128.load(mask + at));
    let x = f32x4.mul(above, sharpness);
    x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-FARTHEST)), f32x4.splat(FARTHEST));
    v128.store(mask + at, f32x4.div(one, f32x4.add(one, exp2(x))));
  }
}

/**
 * log₂ θ of groups of four. A group is a vector. Each lane meets its neighbour, then the pairs meet: that finds the
 * lowest, the highest and the two between them, in every lane.
 */
function thresholdsOfFours(logs: usize, thresholds: usize, cols: i32, count: i32): void {
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const own = v128.load(logs + at);
    const neighbour = v128.shuffle<i32>(own, own, 1, 0, 3, 2);
    const lower = f32x4.pmin(own, neighbour);
    const upper = f32x4.pmax(own, neighbour);
    const otherLower = v128.shuffle<i32>(lower, lower, 2, 3, 0, 1);
    const otherUpper = v128.shuffle<i32>(upper, upper, 2, 3, 0, 1);
    const between = f32x4.pmax(lower, otherLower);
    const betweenToo = f32x4.pmin(upper, otherUpper);
    let low = between;
    let high = betweenToo;
    if (count == 1) {
      low = f32x4.pmin(lower, otherLower);
      high = f32x4.pmin(between, betweenToo);
    } else if (count == 3) {
      low = f32x4.pmax(between, betweenToo);
      high = f32x4.pmax(upper, otherUpper);
    }
    v128.store(thresholds + at, thresholdBetween(low, high));
  }
}

/** log₂ θ of each column's group; an entry is known to be below or above it by the choice. */
function thresholdsOfGroups(
  scores: usize,
  logs: usize,
  thresholds: usize,
  cols: i32,
  count: i32,
  group: i32,
): void {
  const chosen = thresholds;
  lowestOfGroups(scores, chosen, cols, count, group);
  for (let start = 0; start < cols; start += group) {
    let low = f32x4.splat(-FAR);
    let high = f32x4.splat(FAR);
    // Four equal lanes: a vector selects without a branch, which would be guessed wrongly half the time.
    for (let j = start; j < start + group; j++) {
      const at = (<usize>j) << 2;
      const own = v128.load32_splat(logs + at);
      const goes = v128.load32_splat(chosen + at);
      low = f32x4.pmax(low, v128.bitselect(own, f32x4.splat(-FAR), goes));
      high = f32x4.pmin(high, v128.bitselect(f32x4.splat(FAR), own, goes));
    }
    const threshold = thresholdBetween(low, high);
    for (let j = start; j < start + group; j++) {
      v128.store_lane<f32>(thresholds + ((<usize>j) << 2), threshold, 0);
    }
  }
  // No group reaches the padding, and what lies there may be no number.
  for (let j = cols; j & 3; j++) f32.store(thresholds + ((<usize>j) << 2), 0);
}

/** log₂ θ of the row, in each column. */
function thresholdOfRow(
  scores: usize,
  logs: usize,
  thresholds: usize,
  cols: i32,
  count: i32,
  histogram: usize,
): void {
  const limit = i32x4.splat(kthLowest(scores, thresholds, cols, count, histogram));
  let low = f32x4.splat(-FAR);
  let high = f32x4.splat(FAR);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const own = v128.load(logs + at);
    const below = i32x4.le_s(v128.load(scores + at), limit);
    low = f32x4.pmax(low, v128.bitselect(own, f32x4.splat(-FAR), below));
    high = f32x4.pmin(high, v128.bitselect(f32x4.splat(FAR), own, below));
  }
  low = f32x4.pmax(low, v128.shuffle<i32>(low, low, 2, 3, 0, 1));
  low = f32x4.pmax(low, v128.shuffle<i32>(low, low, 1, 0, 3, 2));
  high = f32x4.pmin(high, v128.shuffle<i32>(high, high, 2, 3, 0, 1));
  high = f32x4.pmin(high, v128.shuffle<i32>(high, high, 1, 0, 3, 2));
  if (borderIsTied()) high = low;
  const threshold = thresholdBetween(low, high);
  for (let j = 0; j < cols; j += 4) v128.store(thresholds + ((<usize>j) << 2), threshold);
}

/** log₂ θ = ½ (log₂ low + log₂ high); exactly their value where they are equal. */
function thresholdBetween(low: v128, high: v128): v128 {
  return f32x4.mul(f32x4.add(low, high), f32x4.splat(0.5));
}
