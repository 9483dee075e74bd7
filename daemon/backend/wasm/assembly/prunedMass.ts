/**
 * Pruned-mass objective (mathematics in ../../fused/prunedMass.ts) on float32 rows in memory.
 * Pointers: w, gradW [rows, cols]; c, gradC [cols]; returns the loss.
 */
import { lowestOfGroups, lowestOfRow } from "./select";
import { softMask } from "./softMask";
import { load, store, sumLanes } from "./vector";

const EMPTY_MASS: f64 = 1e-30;

/**
 * @param group 0: the `count` lowest of each row are pruned; else the `count` lowest of every `group` columns
 * @param temperature 0: a hard mask; else a soft one, and 0 < count < the group or row
 * @param scratch three rows of floats, padded to whole vectors (importances, mask, logarithms), and a histogram
 */
export function prunedMass(
  w: usize,
  c: usize,
  rows: i32,
  cols: i32,
  count: i32,
  group: i32,
  temperature: f64,
  gradW: usize,
  gradC: usize,
  scratch: usize,
): f64 {
  const width = (<usize>cols) << 2;
  const padded = (width + 15) & ~15;
  const scores = scratch;
  const mask = scores + padded;
  const logs = mask + padded;
  const histogram = logs + padded;
  const magnitude = i32x4.splat(0x7fffffff);
  memory.fill(gradC, 0, width);
  let total: f64 = 0;
  for (let row = 0; row < rows; row++, w += width, gradW += width) {
    let sums = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      const s = f32x4.mul(f32x4.mul(x, x), load(c + at, cols - j));
      sums = f32x4.add(sums, s);
      v128.store(scores + at, v128.and(s, magnitude));
    }
    const sum = sumLanes(sums);
    if (!(sum > EMPTY_MASS)) {
      memory.fill(gradW, 0, width);
      continue;
    }
    if (temperature) softMask(scores, mask, cols, count, group, temperature, logs, histogram);
    else hardMask(scores, mask, cols, count, group, histogram);
    sums = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      sums = f32x4.add(sums, f32x4.mul(v128.load(scores + at), v128.load(mask + at)));
    }
    const share = sumLanes(sums) / sum;
    total += share;
    const shares = f32x4.splat(<f32>share);
    const scale = f32x4.splat(<f32>(1 / sum));
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      const factor = load(c + at, cols - j);
      const gradS = f32x4.mul(f32x4.sub(v128.load(mask + at), shares), scale);
      store(gradW + at, f32x4.mul(f32x4.mul(x, f32x4.add(factor, factor)), gradS), cols - j);
      const sumC = f32x4.add(load(gradC + at, cols - j), f32x4.mul(f32x4.mul(x, x), gradS));
      store(gradC + at, sumC, cols - j);
    }
  }
  return total;
}

/** 1 where pruned, else 0; 0 in the padding. */
function hardMask(
  scores: usize,
  mask: usize,
  cols: i32,
  count: i32,
  group: i32,
  histogram: usize,
): void {
  if (group) lowestOfGroups(scores, mask, cols, count, group);
  else lowestOfRow(scores, mask, cols, count, histogram);
  const one = f32x4.splat(1);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    v128.store(mask + at, v128.and(load(mask + at, cols - j), one));
  }
}
