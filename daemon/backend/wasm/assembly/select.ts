/**
 * The lowest entries of one row, an exact count (rules in ../../fused/selectLowest.ts). Scores are floats that are
 * not negative, so their bits order like the numbers. The choice is written as lanes: all ones where chosen.
 */
import { load, store } from "./vector";

/** Radix histogram: 2048 counters. */
export const HISTOGRAM_BYTES: i32 = 8192;
/** Candidates that are sorted directly rather than counted once more. */
const FEW: i32 = 48;

/** The `count` lowest of every `group` consecutive scores. */
export function lowestOfGroups(
  scores: usize,
  chosen: usize,
  cols: i32,
  count: i32,
  group: i32,
): void {
  if (group == 4) fourByFour(scores, chosen, cols, count);
  else byRank(scores, chosen, cols, count, group);
}

/**
 * A group is a vector; three rotations of its lanes meet every other member. Lane j meets member j + r (mod 4),
 * which stands before it only if it wrapped around: there equality counts too.
 */
function fourByFour(scores: usize, chosen: usize, cols: i32, count: i32): void {
  const counts = i32x4.splat(count);
  const wrapped1 = i32x4(0, 0, 0, -1);
  const wrapped2 = i32x4(0, 0, -1, -1);
  const wrapped3 = i32x4(0, -1, -1, -1);
  for (let j = 0; j < cols; j += 4) {
    const at = (<usize>j) << 2;
    const s = v128.load(scores + at);
    let rank = before(v128.shuffle<i32>(s, s, 1, 2, 3, 0), s, wrapped1);
    rank = i32x4.add(rank, before(v128.shuffle<i32>(s, s, 2, 3, 0, 1), s, wrapped2));
    rank = i32x4.add(rank, before(v128.shuffle<i32>(s, s, 3, 0, 1, 2), s, wrapped3));
    v128.store(chosen + at, i32x4.lt_s(i32x4.neg(rank), counts));
  }
}

/** −1 in the lanes whose `other` comes before `self`. */
function before(other: v128, self: v128, wrapped: v128): v128 {
  return v128.or(f32x4.lt(other, self), v128.and(f32x4.eq(other, self), wrapped));
}

function byRank(scores: usize, chosen: usize, cols: i32, count: i32, group: i32): void {
  for (let start = 0; start < cols; start += group) {
    for (let j = start; j < start + group; j++) {
      const self = f32.load(scores + ((<usize>j) << 2));
      let rank = 0;
      for (let k = start; k < j; k++) rank += i32(f32.load(scores + ((<usize>k) << 2)) <= self);
      for (let k = j + 1; k < start + group; k++)
        rank += i32(f32.load(scores + ((<usize>k) << 2)) < self);
      i32.store(chosen + ((<usize>j) << 2), rank < count ? -1 : 0);
    }
  }
}

/** How many of the scores equal to the threshold are chosen, and how many there are. */
let equalWanted: i32 = 0;
let equalFound: i32 = 0;

/** Whether the next lowest after what {@link kthLowest} found is equal to it. */
export function borderIsTied(): bool {
  return equalWanted < equalFound;
}

/** The `count` lowest of the row, in time linear in its length. */
export function lowestOfRow(
  scores: usize,
  chosen: usize,
  cols: i32,
  count: i32,
  histogram: usize,
): void {
  if (count <= 0 || count >= cols) {
    memory.fill(chosen, count <= 0 ? 0 : 0xff, (<usize>cols) << 2);
    return;
  }
  // The row of choices is free until the threshold is known: the candidates live there.
  const threshold = kthLowest(scores, chosen, cols, count, histogram);
  if (equalWanted == equalFound) {
    const limit = i32x4.splat(threshold);
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      store(chosen + at, i32x4.le_s(load(scores + at, cols - j), limit), cols - j);
    }
    return;
  }
  let room = equalWanted;
  for (let j = 0; j < cols; j++) {
    const bits = i32.load(scores + ((<usize>j) << 2));
    const equal = i32(bits == threshold && room > 0);
    room -= equal;
    i32.store(chosen + ((<usize>j) << 2), -(i32(bits < threshold) | equal));
  }
}

/**
 * Bits of the count-th lowest score (1 ≤ count ≤ n): radix over 11 + 10 + 10 bits, candidates shrinking.
 * @param candidates a row, overwritten
 */
export function kthLowest(
  scores: usize,
  candidates: usize,
  n: i32,
  count: i32,
  histogram: usize,
): i32 {
  let from = scores;
  let wanted = count;
  let shift = 20;
  while (true) {
    if (n <= FEW) return kthByInsertion(from, candidates, n, wanted);
    const digits: i32 = shift == 20 ? 2047 : 1023;
    memory.fill(histogram, 0, (<usize>(digits + 1)) << 2);
    for (let i = 0; i < n; i++) {
      const bucket =
        histogram + ((<usize>((i32.load(from + ((<usize>i) << 2)) >>> shift) & digits)) << 2);
      i32.store(bucket, i32.load(bucket) + 1);
    }
    let digit = 0;
    let size = i32.load(histogram);
    while (size < wanted) {
      wanted -= size;
      digit++;
      size = i32.load(histogram + ((<usize>digit) << 2));
    }
    let kept = 0;
    for (let i = 0; i < n; i++) {
      const bits = i32.load(from + ((<usize>i) << 2));
      i32.store(candidates + ((<usize>kept) << 2), bits);
      kept += i32(((bits >>> shift) & digits) == digit);
    }
    if (shift == 0) {
      equalWanted = wanted;
      equalFound = kept;
      return i32.load(candidates);
    }
    from = candidates;
    n = kept;
    shift -= 10;
  }
}

/** Sorts `n` candidates into place (`from` may be the same memory) and reads off the answer. */
function kthByInsertion(from: usize, sorted: usize, n: i32, count: i32): i32 {
  for (let i = 0; i < n; i++) {
    const bits = i32.load(from + ((<usize>i) << 2));
    let j = i;
    for (; j > 0; j--) {
      const left = i32.load(sorted + ((<usize>(j - 1)) << 2));
      if (left <= bits) break;
      i32.store(sorted + ((<usize>j) << 2), left);
    }
    i32.store(sorted + ((<usize>j) << 2), bits);
  }
  const threshold = i32.load(sorted + ((<usize>(count - 1)) << 2));
  let first = count - 1;
  while (first > 0 && i32.load(sorted + ((<usize>(first - 1)) << 2)) == threshold) first--;
  let end = count;
  while (end < n && i32.load(sorted + ((<usize>end) << 2)) == threshold) end++;
  equalWanted = count - first;
  equalFound = end - first;
  return threshold;
}

/**
 * Masks of a whole matrix, one byte an entry.
 * @param group 0: `count` of each row; else `count` of every `group` columns
 * @param scratch two rows of floats and a histogram
 */
export function selectLowest(
  scores: usize,
  rows: i32,
  cols: i32,
  count: i32,
  group: i32,
  mask: usize,
  scratch: usize,
): void {
  const width = (<usize>cols) << 2;
  const row = scratch;
  const chosen = scratch + width;
  const magnitude = i32x4.splat(0x7fffffff);
  for (let r = 0; r < rows; r++, scores += width, mask += cols) {
    // −0 is 0: without the sign bit it orders as such.
    for (let j = 0; j < cols; j += 4) {
      const at = (<usize>j) << 2;
      store(row + at, v128.and(load(scores + at, cols - j), magnitude), cols - j);
    }
    if (group) lowestOfGroups(row, chosen, cols, count, group);
    else lowestOfRow(row, chosen, cols, count, chosen + width);
    for (let j = 0; j < cols; j++) i32.store8(mask + j, i32.load(chosen + ((<usize>j) << 2)) & 1);
  }
}
