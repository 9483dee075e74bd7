/**
 * Which columns should share an N:M group. A group of M columns keeps N in every row; columns that matter in the
 * same rows compete, columns that matter in different rows do not. Finding the best grouping is hard (quadratic
 * assignment); swapping columns between groups while that helps is not, and gets most of it.
 *
 * All pairs of groups meet once per sweep, by the circle method of a tournament. For a pair, every one of the M²
 * swaps is judged exactly: with column i taken out of its group, a row loses `a + min(b, x)` when x comes in
 * instead, a the sum of the M − N − 1 lowest of the others and b the next one. On the host, or with the same sums in
 * the same order on a device that has a kernel for it: the swaps depend on no device. Sums are carried in float64.
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  openSwapSearch,
  regroupedThere,
  type SwapColumns,
  type SwapSearch,
} from "../backend/index.ts";

/** Sweeps through all pairs at most; the gain of later ones is small. */
export const SWEEPS = 6;
/** A swap must gain this part of a row's whole importance: rounding must not make the search go round in circles. */
const GAIN = 1e-6;

/** Column after column, `[columns][rows]`; each *row* sums to 1. A tensor where the device searches by itself. */
export type Columns = SwapColumns | tf.Tensor2D;

/** Frees what lies on a device. */
export function disposeColumns(columns: Columns): void {
  if (columns instanceof tf.Tensor) columns.dispose();
}

/**
 * @param of M, divides `columns`; `keep` N
 * @param effort comparisons of two shares at most (a sweep through all pairs is `columns² · rows`); the first rounds
 *   gain most: of all that six sweeps do, a tenth of a sweep gains four fifths
 * @param pause awaited after every round, so that other events run and a caller can stop the search by throwing; once
 *   where the device searches by itself
 * @returns for each place the column that should stand there
 */
export async function regroupedColumns(
  columns: Columns,
  pattern: { readonly keep: number; readonly of: number },
  effort: number,
  pause: () => Promise<void>,
): Promise<Int32Array> {
  if (columns instanceof tf.Tensor) return regroupedBlocks(columns, 1, pattern, effort, pause);
  const { columns: count, rows } = columns;
  const { groups, rounds, effortRounds } = scopeOf(count, rows, pattern.of, effort);
  let left = effortRounds;
  const search = (await openSwapSearch(columns, pattern, GAIN)) ?? plainSearch(columns, pattern);
  for (let improved = true; improved && left > 0;) {
    improved = false;
    for (let turn = 0; turn < rounds && left > 0; turn++, left--) {
      for (const [g, h] of pairsOf(groups, turn)) improved = search.meet(g, h) || improved;
      await pause();
    }
  }
  return search.order();
}

/** How far a search goes among `count` columns of `rows` shares each. */
function scopeOf(count: number, rows: number, of: number, effort: number) {
  const groups = count / of;
  const rounds = roundsOf(groups);
  const perRound = Math.max(1, count * of * rows);
  return { groups, rounds, effortRounds: Math.min(SWEEPS * rounds, Math.ceil(effort / perRound)) };
}

/**
 * {@link regroupedColumns} of equally many columns each, on the device and in one search: groups of different blocks
 * never meet. All rounds in one go: those behind a sweep that changed nothing change nothing, so nobody has to ask in
 * between. The columns have served when `pause` is over.
 *
 * @param shares `[blocks · columns, rows]`
 * @param effort of one block
 * @returns for each place the column that should stand there, of its own block
 */
export async function regroupedBlocks(
  shares: tf.Tensor2D,
  blocks: number,
  pattern: { readonly keep: number; readonly of: number },
  effort: number,
  pause: () => Promise<void>,
): Promise<Int32Array> {
  await pause();
  const [all, rows] = shares.shape;
  const { groups, rounds, effortRounds } = scopeOf(all / blocks, rows, pattern.of, effort);
  if (groups < 2) return Int32Array.from({ length: all }, (_, j) => j);
  const turns = Math.min(effortRounds, rounds);
  const starts = Array.from({ length: blocks }, (_, block) => block * groups);
  const table = Array.from({ length: turns }, (_, turn) => {
    const pairs = pairsOf(groups, turn);
    return starts.flatMap((start) => pairs.flatMap(([g, h]) => [start + g, start + h]));
  }).flat();
  const order = tf.tidy(() => {
    const shape: [number, number, number] = [turns, table.length / turns / 2, 2];
    const pairs = tf.tensor3d(Int32Array.from(table), shape, "int32");
    const { keep, of } = pattern;
    return regroupedThere(shares, pairs, { keep, of, gain: GAIN, rounds: effortRounds });
  });
  const found = await order.data<"int32">();
  order.dispose();
  return found;
}

/** The search in plain code, where the fast one has not been built. */
export function plainSearch(
  { shares, rows, columns }: SwapColumns,
  { keep, of }: { readonly keep: number; readonly of: number },
): SwapSearch {
  const order = Int32Array.from({ length: columns }, (_, j) => j);
  /** Column that stands at a place. */
  const column = (place: number): Float32Array => {
    const start = (order[place] ?? 0) * rows;
    return shares.subarray(start, start + rows);
  };
  const groupLoss = (g: number): GroupLoss => {
    const members = Array.from({ length: of }, (_, k) => column(g * of + k));
    return lossWithout(members, rows, of - keep);
  };
  const losses = Array.from({ length: columns / of }, (_, g) => groupLoss(g));
  return {
    order: () => order,
    meet(g, h) {
      const [one, two] = [losses[g], losses[h]];
      if (one === undefined || two === undefined) return false;
      let best = GAIN;
      let at: readonly [number, number] | undefined;
      for (let i = 0; i < of; i++) {
        for (let j = 0; j < of; j++) {
          const [mine, theirs] = [column(g * of + i), column(h * of + j)];
          const gain = one.now + two.now - one.with(i, theirs) - two.with(j, mine);
          if (gain > best) {
            best = gain;
            at = [g * of + i, h * of + j];
          }
        }
      }
      if (at === undefined) return false;
      const [i, j] = at;
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
      losses[g] = groupLoss(g);
      losses[h] = groupLoss(h);
      return true;
    },
  };
}

interface GroupLoss {
  /** What the pattern deletes from the group now, summed over rows. */
  readonly now: number;
  /** … and with member i replaced by another column. */
  with(i: number, other: Float32Array): number;
}

/** @param lost how many of a group's members each row loses, 1 to M − 1 */
function lossWithout(members: readonly Float32Array[], rows: number, lost: number): GroupLoss {
  let now = 0;
  /** Per member taken out: Σ a, and b of every row. */
  const base = members.map(() => 0);
  const next = members.map(() => new Float32Array(rows));
  for (let r = 0; r < rows; r++) {
    const sorted = members
      .map((values, i) => ({ i, x: values[r] ?? NaN }))
      .sort((p, q) => p.x - q.x);
    const x = (k: number): number => sorted[k]?.x ?? NaN;
    let below = 0;
    for (let k = 0; k < lost - 1; k++) below += x(k);
    now += below + x(lost - 1);
    sorted.forEach(({ i }, rank) => {
      // Without a member of rank ≤ lost − 1 the ones above it move down by one.
      const fromLowest = rank < lost - 1;
      base[i] = (base[i] ?? NaN) + (fromLowest ? below - x(rank) + x(lost - 1) : below);
      const free = next[i];
      if (free) free[r] = rank < lost ? x(lost) : x(lost - 1);
    });
  }
  return {
    now,
    with: (i, other) => (base[i] ?? NaN) + sumOfMinima(next[i] ?? other, other),
  };
}

function sumOfMinima(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let r = 0; r < a.length; r++) sum += Math.min(a[r] ?? NaN, b[r] ?? NaN);
  return sum;
}

/** Rounds in which `count` meet all others once. */
export const roundsOf = (count: number): number => count + (count % 2) - 1;

/** The disjoint pairs of one round: one stays in its seat, the others go round. */
export function pairsOf(count: number, turn: number): [number, number][] {
  const moving = roundsOf(count);
  const seat = (k: number): number => (k === 0 ? 0 : 1 + ((k - 1 + turn) % moving));
  return Array.from({ length: (moving + 1) / 2 }, (_, k): [number, number] => [
    seat(k),
    seat(moving - k),
  ]).filter(([g, h]) => g < count && h < count);
}
