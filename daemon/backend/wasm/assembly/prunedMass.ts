/**
 * Pruned-mass objective (mathematics in ../../fused/prunedMass.ts) on float32 rows in memory.
 * Pointers: w, gradW [rows, cols]; c, gradC [cols]; returns the loss.
 */
import { lowestOfGroups, lowestOfRow } from "./select";
import { load, store, sumLanes } from "./vector";

const EMPTY_MASS: f64 = 1e-30;

/**
 * @param group 0: the `count` lowest of each row are pruned; else the `count` lowest of every `group` columns
 * @param scratch two rows of floats (importances, choices) and a histogram
 */
export function prunedMass(
  w: usize,
  c: usize,
  rows: i32,
  cols: i32,
  count: i32,
  group: i32,
  gradW: usize,
  gradC: usize,
  scratch: usize,
): f64 {
  const width = (<usize>cols) << 2;
  const scores = scratch;
  const chosen = scratch + width;
  const histogram = chosen + width;
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
      store(scores + at, v128.and(s, magnitude), cols - j);
    }
    const sum = sumLanes(sums);
    if (!(sum > EMPTY_MASS)) {
      memory.fill(gradW, 0, width);
      continue;
    }
    if (group) lowestOfGroups(scores, chosen, cols, count, group);
    else lowestOfRow(scores, chosen, cols, count, histogram);
    sums = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const lost = v128.and(load(scores + at, cols - j), load(chosen + at, cols - j));
      sums = f32x4.add(sums, lost);
    }
    const share = sumLanes(sums) / sum;
    total += share;
    const one = f32x4.splat(1);
    const shares = f32x4.splat(<f32>share);
    const scale = f32x4.splat(<f32>(1 / sum));
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      const factor = load(c + at, cols - j);
      const pruned = v128.and(load(chosen + at, cols - j), one);
      const gradS = f32x4.mul(f32x4.sub(pruned, shares), scale);
      store(gradW + at, f32x4.mul(f32x4.mul(x, f32x4.add(factor, factor)), gradS), cols - j);
      const sumC = f32x4.add(load(gradC + at, cols - j), f32x4.mul(f32x4.mul(x, x), gradS));
      store(gradC + at, sumC, cols - j);
    }
  }
  return total;
}
