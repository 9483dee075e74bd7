/**
 * Which columns should share an N:M group. A group of M columns keeps N in every row; columns that matter in the
 * same rows compete, columns that matter in different rows do not. Finding the best grouping is hard (quadratic
 * assignment); swapping columns between groups while that helps is not, and gets most of it.
 *
 * All pairs of groups meet once per sweep, by the circle method of a tournament. For a pair, every one of the M²
 * swaps is judged exactly: with column i taken out of its group, a row loses `a + min(b, x)` when x comes in
 * instead, a the sum of the M − N − 1 lowest of the others and b the next one. Host memory and float64 sums: the
 * result depends on no backend.
 */

/** Sweeps through all pairs at most; the gain of later ones is small. */
const SWEEPS = 6;
/** Comparisons at most, about three seconds: a tenth of a sweep already gains four fifths of what six do. */
const COMPARISONS = 1e9;
/** A swap must gain this part of a row's whole importance: rounding must not make the search go round in circles. */
const GAIN = 1e-6;

export interface Columns {
  /** Column after column, `[columns][rows]`; each *row* sums to 1. */
  readonly shares: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * @param of M, divides `columns`; `keep` N
 * @param pause awaited after every round, so that other events run and a caller can stop the search by throwing
 * @returns for each place the column that should stand there
 */
export async function regroupedColumns(
  { shares, rows, columns }: Columns,
  { keep, of }: { readonly keep: number; readonly of: number },
  pause: () => Promise<void>,
): Promise<Int32Array> {
  const order = Int32Array.from({ length: columns }, (_, j) => j);
  const groups = columns / of;
  /** Column that stands at a place. */
  const column = (place: number): Float32Array => {
    const start = (order[place] ?? 0) * rows;
    return shares.subarray(start, start + rows);
  };
  const losses = Array.from({ length: groups }, (_, g) => groupLoss(g));
  const rounds = tournament(groups);
  const perRound = Math.max(1, (groups / 2) * of * of * rows * 2);
  let left = Math.min(SWEEPS * rounds.length, Math.ceil(COMPARISONS / perRound));

  for (let improved = true; improved && left > 0;) {
    improved = false;
    for (const round of rounds.slice(0, left)) {
      for (const [g, h] of round) improved = swapBest(g, h) || improved;
      await pause();
    }
    left -= rounds.length;
  }
  return order;

  function groupLoss(g: number): GroupLoss {
    const members = Array.from({ length: of }, (_, k) => column(g * of + k));
    return lossWithout(members, rows, of - keep);
  }

  function swapBest(g: number, h: number): boolean {
    const [one, two] = [losses[g], losses[h]];
    if (one === undefined || two === undefined) return false;
    let best = GAIN;
    let at: readonly [number, number] | undefined;
    for (let i = 0; i < of; i++) {
      for (let j = 0; j < of; j++) {
        const [mine, theirs] = [column(g * of + i), column(h * of + j)];
        const after = one.with(i, theirs) + two.with(j, mine);
        const gain = one.now + two.now - after;
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
  }
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

/**
 * `Σ min(a, b)`, the search's inner loop, as `½ Σ (a + b − |a − b|)`: a branch on random data costs ten times the
 * arithmetic. Two sums, since one would wait for each addition.
 */
function sumOfMinima(a: Float32Array, b: Float32Array): number {
  let even = 0;
  let odd = 0;
  for (let r = 0; r + 1 < a.length; r += 2) {
    const [p, q] = [a[r] ?? NaN, b[r] ?? NaN];
    const [s, t] = [a[r + 1] ?? NaN, b[r + 1] ?? NaN];
    even += p + q - Math.abs(p - q);
    odd += s + t - Math.abs(s - t);
  }
  if (a.length % 2 === 1) {
    const [p, q] = [a[a.length - 1] ?? NaN, b[a.length - 1] ?? NaN];
    even += p + q - Math.abs(p - q);
  }
  return 0.5 * (even + odd);
}

/** Rounds of disjoint pairs in which all of `count` meet once: one stays, the others go round. */
export function tournament(count: number): [number, number][][] {
  const players = count + (count % 2);
  const circle = Array.from({ length: players - 1 }, (_, i) => i + 1);
  return circle.map((_, turn) => {
    const seats = [0, ...circle.slice(turn), ...circle.slice(0, turn)];
    return Array.from({ length: players / 2 }, (_, k): [number, number] => [
      seats[k] ?? 0,
      seats[players - 1 - k] ?? 0,
    ]).filter(([g, h]) => g < count && h < count);
  });
}
