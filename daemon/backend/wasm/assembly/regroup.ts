/**
 * The inner loops of the search for a better grouping of columns (mathematics in method/regroup.ts), on a memory of
 * their own: columns of shares `[columns][rows]`, `rows` a multiple of 4, padded with zeros.
 *
 * A place is where a column stands; group g has the places `g · size … g · size + size − 1`.
 */
import { sumLanes } from "./vector";

/** Rows after which float32 sums are carried into float64. */
const CARRY: i32 = 256;

/**
 * What a group loses, and what it would lose with one member out: `base + Σ_r min(next, the newcomer's share)`. Four
 * rows at a time, by value alone: where members are equal it does not matter which of them goes.
 *
 * @param next [columns][rows], by place
 * @param base [columns] f64, by place
 * @param now [groups] f64
 * @param order [columns] i32: the column at each place
 * @param scratch v128 of 2 · `size`
 */
export function groupLoss(
  g: i32,
  shares: usize,
  next: usize,
  base: usize,
  now: usize,
  order: usize,
  scratch: usize,
  rows: i32,
  size: i32,
  lost: i32,
): void {
  const first = g * size;
  const sums = scratch + ((<usize>size) << 4);
  for (let k = 0; k < size; k++) f64.store(base + ((<usize>(first + k)) << 3), 0);
  let total: f64 = 0;
  for (let from = 0; from < rows; from += CARRY) {
    const to = min(from + CARRY, rows);
    let losses = f32x4.splat(0);
    memory.fill(sums, 0, (<usize>size) << 4);
    for (let r = from; r < to; r += 4) {
      sort(shares, order, scratch, first, rows, r, size);
      let below = f32x4.splat(0);
      for (let k = 0; k < lost - 1; k++) {
        below = f32x4.add(below, v128.load(scratch + ((<usize>k) << 4)));
      }
      const border = v128.load(scratch + ((<usize>(lost - 1)) << 4));
      const above = v128.load(scratch + ((<usize>lost) << 4));
      losses = f32x4.add(losses, f32x4.add(below, border));
      for (let k = 0; k < size; k++) {
        const place = first + k;
        const x = v128.load(shareAt(shares, order, place, rows, r));
        // Without a member below the border, the ones above it move down by one.
        const rest = f32x4.add(below, f32x4.sub(border, f32x4.pmin(x, border)));
        const sum = sums + ((<usize>k) << 4);
        v128.store(sum, f32x4.add(v128.load(sum), rest));
        const free = v128.bitselect(above, border, f32x4.le(x, border));
        v128.store(next + ((<usize>place * <usize>rows + <usize>r) << 2), free);
      }
    }
    total += sumLanes(losses);
    for (let k = 0; k < size; k++) {
      const at = base + ((<usize>(first + k)) << 3);
      f64.store(at, f64.load(at) + sumLanes(v128.load(sums + ((<usize>k) << 4))));
    }
  }
  f64.store(now + ((<usize>g) << 3), total);
}

/** The members' shares of four rows, ascending in every lane. */
function sort(
  shares: usize,
  order: usize,
  sorted: usize,
  first: i32,
  rows: i32,
  row: i32,
  size: i32,
): void {
  for (let k = 0; k < size; k++) {
    let x = v128.load(shareAt(shares, order, first + k, rows, row));
    for (let at = sorted; at < sorted + ((<usize>k) << 4); at += 16) {
      const other = v128.load(at);
      v128.store(at, f32x4.pmin(x, other));
      x = f32x4.pmax(x, other);
    }
    v128.store(sorted + ((<usize>k) << 4), x);
  }
}

/**
 * Makes the best swap between two groups if it gains enough.
 * @param scratch of what {@link groupLoss} needs, or f64 of 2 · size² where that is more
 * @returns whether it did
 */
export function meet(
  g: i32,
  h: i32,
  gain: f64,
  shares: usize,
  next: usize,
  base: usize,
  now: usize,
  order: usize,
  scratch: usize,
  rows: i32,
  size: i32,
  lost: i32,
): bool {
  const theirs = scratch + ((<usize>(size * size)) << 3);
  minima(g, h, shares, next, order, scratch, rows, size);
  minima(h, g, shares, next, order, theirs, rows, size);
  const before = f64.load(now + ((<usize>g) << 3)) + f64.load(now + ((<usize>h) << 3));
  let best = gain;
  let mine = -1;
  let other = -1;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const after =
        f64.load(base + ((<usize>(g * size + i)) << 3)) +
        f64.load(scratch + ((<usize>(i * size + j)) << 3)) +
        f64.load(base + ((<usize>(h * size + j)) << 3)) +
        f64.load(theirs + ((<usize>(j * size + i)) << 3));
      if (before - after > best) {
        best = before - after;
        mine = g * size + i;
        other = h * size + j;
      }
    }
  }
  if (mine < 0) return false;
  const a = order + ((<usize>mine) << 2);
  const b = order + ((<usize>other) << 2);
  const moved = i32.load(a);
  i32.store(a, i32.load(b));
  i32.store(b, moved);
  groupLoss(g, shares, next, base, now, order, scratch, rows, size, lost);
  groupLoss(h, shares, next, base, now, order, scratch, rows, size, lost);
  return true;
}

/** `Σ_r min(next of place i of g, share of the column at place j of h)`, `[size, size]` f64. */
function minima(
  g: i32,
  h: i32,
  shares: usize,
  next: usize,
  order: usize,
  out: usize,
  rows: i32,
  size: i32,
): void {
  const bytes = (<usize>rows) << 2;
  const last = size - 1;
  for (let i = 0; i < size; i++) {
    const free = next + <usize>(g * size + i) * bytes;
    // Four columns at a time; past the last one it stands for those that are not there.
    for (let j = 0; j < size; j += 4) {
      const x0 = shareAt(shares, order, h * size + j, rows, 0);
      const x1 = shareAt(shares, order, h * size + min(j + 1, last), rows, 0);
      const x2 = shareAt(shares, order, h * size + min(j + 2, last), rows, 0);
      const x3 = shareAt(shares, order, h * size + min(j + 3, last), rows, 0);
      let t0: f64 = 0;
      let t1: f64 = 0;
      let t2: f64 = 0;
      let t3: f64 = 0;
      for (let from = 0; from < rows; from += CARRY) {
        let s0 = f32x4.splat(0);
        let s1 = f32x4.splat(0);
        let s2 = f32x4.splat(0);
        let s3 = f32x4.splat(0);
        const to = min(from + CARRY, rows);
        for (let r = from; r < to; r += 4) {
          const at = (<usize>r) << 2;
          const b = v128.load(free + at);
          s0 = f32x4.add(s0, f32x4.pmin(b, v128.load(x0 + at)));
          s1 = f32x4.add(s1, f32x4.pmin(b, v128.load(x1 + at)));
          s2 = f32x4.add(s2, f32x4.pmin(b, v128.load(x2 + at)));
          s3 = f32x4.add(s3, f32x4.pmin(b, v128.load(x3 + at)));
        }
        t0 += sumLanes(s0);
        t1 += sumLanes(s1);
        t2 += sumLanes(s2);
        t3 += sumLanes(s3);
      }
      const at = out + ((<usize>(i * size + j)) << 3);
      f64.store(at, t0);
      if (j + 1 < size) f64.store(at + 8, t1);
      if (j + 2 < size) f64.store(at + 16, t2);
      if (j + 3 < size) f64.store(at + 24, t3);
    }
  }
}

function shareAt(shares: usize, order: usize, place: i32, rows: i32, row: i32): usize {
  const column = i32.load(order + ((<usize>place) << 2));
  return shares + ((<usize>column * <usize>rows + <usize>row) << 2);
}
