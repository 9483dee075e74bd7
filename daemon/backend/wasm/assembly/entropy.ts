/**
 * Entropy objective (mathematics in ../../fused/entropy.ts) on float32 rows in memory.
 * Pointers: w, gradW [rows, cols]; c, gradC [cols]; returns the loss.
 */
import { load, log, store, sumLanes } from "./vector";

const EMPTY_MASS: f32 = 1e-30;

/** Each row a distribution: three passes over a row that stays in the first-level cache. */
export function entropyRows(
  w: usize,
  c: usize,
  rows: i32,
  cols: i32,
  gradW: usize,
  gradC: usize,
): f64 {
  const tiny = f32x4.splat(EMPTY_MASS);
  const width = (<usize>cols) << 2;
  memory.fill(gradC, 0, width);
  let total: f64 = 0;
  for (let row = 0; row < rows; row++, w += width, gradW += width) {
    let sums = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      sums = f32x4.add(sums, f32x4.mul(f32x4.mul(x, x), load(c + at, cols - j)));
    }
    const sum = sumLanes(sums);
    if (!(sum > <f64>EMPTY_MASS)) {
      memory.fill(gradW, 0, width);
      continue;
    }
    const scale = f32x4.splat(<f32>(1 / sum));
    sums = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      const p = f32x4.mul(f32x4.mul(f32x4.mul(x, x), load(c + at, cols - j)), scale);
      const logP = v128.and(log(p), f32x4.gt(p, tiny));
      sums = f32x4.add(sums, f32x4.mul(p, logP));
      store(gradW + at, logP, cols - j);
    }
    const entropy = -sumLanes(sums);
    total += entropy;
    const entropies = f32x4.splat(<f32>entropy);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(w + at, cols - j);
      const factor = load(c + at, cols - j);
      const x2 = f32x4.mul(x, x);
      const counts = f32x4.gt(f32x4.mul(f32x4.mul(x2, factor), scale), tiny);
      const pull = f32x4.mul(f32x4.neg(f32x4.add(load(gradW + at, cols - j), entropies)), scale);
      const gradS = v128.and(pull, counts);
      store(gradW + at, f32x4.mul(f32x4.mul(x, f32x4.add(factor, factor)), gradS), cols - j);
      const sumC = f32x4.add(load(gradC + at, cols - j), f32x4.mul(x2, gradS));
      store(gradC + at, sumC, cols - j);
    }
  }
  return total;
}

/**
 * Each column a distribution, where c cancels. Works through the rows in order, so memory is read in sequence.
 * @param scratch two rows: 1/Σw² (0 for an empty column) and the entropies
 */
export function entropyColumns(
  w: usize,
  c: usize,
  rows: i32,
  cols: i32,
  gradW: usize,
  scratch: usize,
): f64 {
  const tiny = f32x4.splat(EMPTY_MASS);
  const one = f32x4.splat(1);
  const width = (<usize>cols) << 2;
  const scales = scratch;
  const entropies = scratch + width;
  memory.fill(scratch, 0, width << 1);
  for (let row = 0, x0 = w; row < rows; row++, x0 += width) {
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(x0 + at, cols - j);
      store(scales + at, f32x4.add(load(scales + at, cols - j), f32x4.mul(x, x)), cols - j);
    }
  }
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const sum = load(scales + at, cols - j);
    const filled = f32x4.gt(f32x4.mul(sum, load(c + at, cols - j)), tiny);
    store(scales + at, v128.and(f32x4.div(one, sum), filled), cols - j);
  }
  for (let row = 0, x0 = w, y0 = gradW; row < rows; row++, x0 += width, y0 += width) {
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(x0 + at, cols - j);
      const p = f32x4.mul(f32x4.mul(x, x), load(scales + at, cols - j));
      const logP = v128.and(log(p), f32x4.gt(p, tiny));
      store(y0 + at, logP, cols - j);
      const sum = f32x4.sub(load(entropies + at, cols - j), f32x4.mul(p, logP));
      store(entropies + at, sum, cols - j);
    }
  }
  for (let row = 0, x0 = w, y0 = gradW; row < rows; row++, x0 += width, y0 += width) {
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      const x = load(x0 + at, cols - j);
      const scale = load(scales + at, cols - j);
      const counts = f32x4.gt(f32x4.mul(f32x4.mul(x, x), scale), tiny);
      const pull = f32x4.add(load(y0 + at, cols - j), load(entropies + at, cols - j));
      const gradS = v128.and(f32x4.mul(pull, scale), counts);
      store(y0 + at, f32x4.neg(f32x4.mul(f32x4.add(x, x), gradS)), cols - j);
    }
  }
  let total: f64 = 0;
  for (let j = 0; j < cols; j++) total += <f64>f32.load(entropies + ((<usize>j) << 2));
  return total;
}
