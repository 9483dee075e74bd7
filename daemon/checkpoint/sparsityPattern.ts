/** Which N:M pattern the zeros of a matrix follow, found in one pass over its values. */

import type { Pattern } from "../vocabulary.ts";

/** Group sizes looked for. */
const GROUP_SIZES = [2, 4, 8, 16] as const;
type GroupSize = (typeof GROUP_SIZES)[number];

/** Chunks must begin at a multiple of this. */
export const PATTERN_ALIGNMENT = 16;

/** An unusual pattern (3:4, 5:16) counts only where it is no accident: nearly every group is exactly full. */
const EXACT_SHARE = 0.9;
const EXACT_GROUPS = 16;

/**
 * Counts non-zeros in the aligned groups of 2, 4, 8 and 16 consecutive values.
 *
 * Values come row by row. Group sizes that divide `columns` then never straddle two rows, however the values are
 * cut into chunks; the others are not counted.
 */
export class PatternCounter {
  readonly #sizes: readonly GroupSize[];
  /** `#histograms.get(M)[n]`: how many groups of M have exactly n non-zeros. */
  readonly #histograms: ReadonlyMap<GroupSize, Float64Array>;

  /** @param columns length of a row, the last dimension */
  constructor(columns: number) {
    this.#sizes = columns === 0 ? [] : GROUP_SIZES.filter((size) => columns % size === 0);
    this.#histograms = new Map(this.#sizes.map((size) => [size, new Float64Array(size + 1)]));
  }

  /** Adds the next values; every chunk but the last is a multiple of {@link PATTERN_ALIGNMENT} long. */
  add(values: Float64Array): void {
    for (const size of this.#sizes) {
      const histogram = this.#histograms.get(size);
      if (!histogram) continue;
      for (let i = 0; i < values.length; i += size) {
        let nonZeros = 0;
        for (let j = i; j < i + size; j++) if (values[j] !== 0) nonZeros++;
        histogram[nonZeros] = (histogram[nonZeros] ?? 0) + 1;
      }
    }
  }

  /**
   * The tightest pattern every group obeys: the smallest N/M and among equals the smallest M (a 2:4 matrix is also
   * 4:8 and 8:16). Usual patterns (N a power of two, at least half zeros) need only be obeyed; others must be nearly
   * exact, or any sparse matrix would have one by chance. Null for dense and for all-zero matrices.
   */
  pattern(): Pattern | null {
    let best: { keep: number; of: number } | null = null;
    for (const [of, histogram] of this.#histograms) {
      const keep = histogram.findLastIndex((groups) => groups > 0);
      if (keep <= 0 || keep === of) continue;
      const groups = histogram.reduce((sum, n) => sum + n, 0);
      const exact = histogram[keep] ?? 0;
      const usual = (keep & (keep - 1)) === 0 && 2 * keep <= of;
      if (!usual && (groups < EXACT_GROUPS || exact < EXACT_SHARE * groups)) continue;
      if (!best || keep / of < best.keep / best.of) best = { keep, of };
    }
    return best && { kind: "nm", ...best };
  }
}
