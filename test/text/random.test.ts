import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom, splitMix64, xoshiro128 } from "../../daemon/random.ts";

const draw = <T>(n: number, next: () => T): T[] => Array.from({ length: n }, next);

describe("the generators", () => {
  it("xoshiro128** gives its reference sequence for state 1, 2, 3, 4", () => {
    // Test vector of the Rust crate rand_xoshiro, made with the authors' C code.
    expect(draw(10, xoshiro128([1, 2, 3, 4]))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it("SplitMix64 gives its reference sequence for seed 1234567", () => {
    // As published with the authors' C code and on Rosetta Code.
    expect(draw(5, splitMix64(1234567n))).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  it("repeats by seed, and differs between seeds", () => {
    const run = (seed: number) => draw(20, seededRandom(seed).next);
    expect(run(7)).toEqual(run(7));
    const firsts = [0, 1, 2, -1, 2 ** 32, Number.MAX_SAFE_INTEGER].map((seed) => run(seed)[0]);
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it("refuses seeds that are no safe integers", () => {
    expect(() => seededRandom(0.5)).toThrow(RangeError);
    expect(() => seededRandom(2 ** 53)).toThrow(RangeError);
  });
});

describe("what is drawn", () => {
  it("next lies in [0, 1) with the mean and variance of a uniform", () => {
    const values = draw(100_000, seededRandom(1).next);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(values.every((value) => value < 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(1 / 2, 2);
    expect(variance(values)).toBeCloseTo(1 / 12, 2);
  });

  it("integer stays below n, for any n", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (seed, n) => {
        const value = seededRandom(seed).integer(n);
        expect(Number.isInteger(value) && value >= 0 && value < n).toBe(true);
      }),
    );
    for (const n of [0, -1, 1.5, NaN, 2 ** 54]) {
      expect(() => seededRandom(0).integer(n)).toThrow(RangeError);
    }
  });

  it.each([7, 3 * 2 ** 30, 3 * 2 ** 51])("integer(%d) is uniform", (n) => {
    // Without rejection the lower third of 3·2³⁰ would come up twice as often as each other third, far beyond this bound.
    const random = seededRandom(3);
    const bins = 3;
    const count = new Array<number>(bins).fill(0);
    const draws = 30_000;
    const cells = n < 100 ? n - (n % bins) : n;
    for (let i = 0; i < draws; i++) {
      let value = random.integer(n);
      while (value >= cells) value = random.integer(n);
      const bin = Math.floor((value / cells) * bins);
      count[bin] = (count[bin] ?? 0) + 1;
    }
    // 5 standard deviations of a binomial with p = 1/3.
    for (const seen of count) {
      expect(Math.abs(seen - draws / 3)).toBeLessThan(5 * Math.sqrt((draws * 2) / 9));
    }
  });

  it("shuffle permutes in place, each order equally often", () => {
    const random = seededRandom(4);
    const orders = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const items = ["a", "b", "c"];
      expect(random.shuffle(items)).toBe(items);
      const order = items.join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect([...orders.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    for (const seen of orders.values()) {
      expect(Math.abs(seen - 2000)).toBeLessThan(5 * Math.sqrt((12_000 * 5) / 36));
    }
  });

  it("normal has mean 0, variance 1, and the tails of a Gaussian", () => {
    const values = draw(100_000, seededRandom(5).normal);
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(variance(values)).toBeCloseTo(1, 1);
    // P(|z| > 2) = 0.0455
    const beyond = values.filter((value) => Math.abs(value) > 2).length / values.length;
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.004);
  });
});

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: number[]) => {
  const m = mean(values);
  return mean(values.map((value) => (value - m) ** 2));
};
