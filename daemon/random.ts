/**
 * The one source of chance: a small seeded generator, so that a run is repeated exactly by its seed on every
 * machine (`Math.random` has no seed). Not for secrets.
 */

export interface SeededRandom {
  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  readonly next: () => number;
  /** Uniform integer in [0, n), without modulo bias. `n` is an integer in [1, 2⁵³]. */
  readonly integer: (n: number) => number;
  /** Fisher–Yates in place; returns the same array. */
  readonly shuffle: <T>(items: T[]) => T[];
  /** Standard normal deviate. */
  readonly normal: () => number;
}

const TWO_32 = 2 ** 32;
const TWO_53 = 2 ** 53;

/** Generator for `seed`, any safe integer: xoshiro128** whose state comes from SplitMix64, as its authors advise. */
export function seededRandom(seed: number): SeededRandom {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed ${seed} is not a safe integer`);
  const mix = splitMix64(BigInt(seed));
  const [a, b] = [mix(), mix()];
  return fromWords(
    xoshiro128([a, a >> 32n, b, b >> 32n].map((word) => Number(word & 0xffff_ffffn))),
  );
}

function fromWords(word: () => number): SeededRandom {
  const random53 = () => (word() >>> 5) * 2 ** 26 + (word() >>> 6);
  let spare: number | undefined;
  const random: SeededRandom = {
    next: () => random53() / TWO_53,
    integer(n) {
      if (!Number.isInteger(n) || n < 1 || n > TWO_53)
        throw new RangeError(`no integer below ${n}`);
      const [draw, range] = n <= TWO_32 ? [word, TWO_32] : [random53, TWO_53];
      // Draws in the last, incomplete run of n values would favour small results: draw again.
      const limit = range - (range % n);
      let value = draw();
      while (value >= limit) value = draw();
      return value % n;
    },
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [items[i], items[j]] = [
          items[j] as (typeof items)[number],
          items[i] as (typeof items)[number],
        ];
      }
      return items;
    },
    /** Marsaglia's polar method: two deviates per accepted point of the unit disc. */
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      for (;;) {
        const x = 2 * random.next() - 1;
        const y = 2 * random.next() - 1;
        const s = x * x + y * y;
        if (s > 0 && s < 1) {
          const scale = Math.sqrt((-2 * Math.log(s)) / s);
          spare = y * scale;
          return x * scale;
        }
      }
    },
  };
  return random;
}

/**
 * xoshiro128** 1.1 (Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators, 2018): uniform 32-bit words,
 * period 2¹²⁸ − 1. `state` is four 32-bit words, not all zero.
 */
export function xoshiro128(state: readonly number[]): () => number {
  let [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotateLeft(s3, 11);
    return result;
  };
}

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): uniform 64-bit words. */
export function splitMix64(seed: bigint): () => bigint {
  let state = BigInt.asUintN(64, seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e37_79b9_7f4a_7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return z ^ (z >> 31n);
  };
}
