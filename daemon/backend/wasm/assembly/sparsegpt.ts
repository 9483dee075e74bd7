/**
 * SparseGPT on one block of b columns (mathematics in ../../fused/sparsegpt.ts). Rows do not touch each other, so
 * each is carried through all columns while it is in the cache; a kept weight leaves no error and costs nothing.
 */

/**
 * @param weights [rows, b]: holds w on entry, the pruned weights on return
 * @param errors [rows, b]
 * @param u [b, b] upper triangular
 * @param mask [rows, b] bytes, 1 = pruned; ignored where `group` is not 0
 * @param group not 0: the `count` lowest of every `group` columns are chosen on the way
 * @param chosen scratch of b bytes
 */
export function sparsegptBlock(
  weights: usize,
  errors: usize,
  u: usize,
  mask: usize,
  rows: i32,
  b: i32,
  count: i32,
  group: i32,
  chosen: usize,
): void {
  const width = (<usize>b) << 2;
  memory.fill(errors, 0, <usize>rows * width);
  for (let row = 0; row < rows; row++, weights += width, errors += width, mask += b) {
    const pruned = group ? chosen : mask;
    for (let i = 0; i < b; i++) {
      if (group && i % group == 0) chooseGroup(weights, u, chosen, b, i, count, group);
      if (!i32.load8_u(pruned + i)) continue;
      const at = (<usize>i) << 2;
      const uRow = u + <usize>i * width;
      const error = f32.load(weights + at) / f32.load(uRow + at);
      f32.store(weights + at, 0);
      f32.store(errors + at, error);
      const e = f32x4.splat(error);
      let k = i + 1;
      for (; k + 4 <= b; k += 4) {
        const later = weights + ((<usize>k) << 2);
        v128.store(
          later,
          f32x4.sub(v128.load(later), f32x4.mul(e, v128.load(uRow + ((<usize>k) << 2)))),
        );
      }
      for (; k < b; k++) {
        const later = weights + ((<usize>k) << 2);
        f32.store(later, f32.load(later) - error * f32.load(uRow + ((<usize>k) << 2)));
      }
    }
  }
}

/** Marks the `count` lowest w²/u_ii² of the `group` columns from `start`; of equal ones the left goes first. */
function chooseGroup(
  w: usize,
  u: usize,
  chosen: usize,
  b: i32,
  start: i32,
  count: i32,
  group: i32,
): void {
  for (let j = start; j < start + group; j++) {
    const self = score(w, u, b, j);
    let rank = 0;
    for (let k = start; k < j; k++) rank += i32(score(w, u, b, k) <= self);
    for (let k = j + 1; k < start + group; k++) rank += i32(score(w, u, b, k) < self);
    i32.store8(chosen + j, i32(rank < count));
  }
}

function score(w: usize, u: usize, b: i32, j: i32): f32 {
  const x = f32.load(w + ((<usize>j) << 2)) / f32.load(u + ((<usize>(j * (b + 1))) << 2));
  return x * x;
}
