/** The pure parts of the charts, against hand-computed values and brute force. */
import { rgb } from "d3";
import { describe, expect, test } from "vitest";
import type { Histogram, Overview } from "../../daemon/report.ts";
import {
  colourOf,
  diverging,
  inkOn,
  mask,
  rampTable,
  sequential,
  symmetricDomain,
  zeroDomain,
} from "../../webview/charts/colour.ts";
import { learnedCurves, seriesOf, seriesPoints } from "../../webview/charts/learnedCurves.ts";
import * as format from "../../webview/charts/format.ts";
import { bars, bulk } from "../../webview/charts/histogram.ts";
import { heldBySmallest, lorenz } from "../../webview/charts/lorenz.ts";
import { cellRange, commonDomain, decodeOverview } from "../../webview/charts/overview.ts";
import { recovered } from "../../webview/charts/perplexity.ts";
import { plotSize } from "../../webview/charts/rasterPanel.ts";
import { sorted, toCsv, type Column } from "../../webview/charts/table.ts";

describe("overview", () => {
  const overview = (bytes: readonly number[], extra: Partial<Overview> = {}): Overview => ({
    rows: 2,
    cols: 2,
    unit: "log10-importance",
    min: -4,
    max: -1.45,
    data: Buffer.from(bytes).toString("base64"),
    ...extra,
  });

  test("bytes 0 and 255 are min and max, those between are evenly spaced", () => {
    const { rows, cols, values } = decodeOverview(overview([0, 255, 100, 200]));
    expect([rows, cols]).toEqual([2, 2]);
    // (max − min) / 255 = 0.01
    for (const [i, expected] of [-4, -1.45, -3, -2].entries()) {
      expect(values[i]).toBeCloseTo(expected, 6);
    }
  });

  test("a constant matrix decodes to its constant", () => {
    const { values } = decodeOverview(overview([0, 0, 0, 0], { min: 0.5, max: 0.5 }));
    expect([...values]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  test("a wrong number of bytes is refused", () => {
    expect(() => decodeOverview(overview([1, 2, 3]))).toThrow(RangeError);
  });

  test("cells cover exactly the indices that the engine puts into them", () => {
    for (const [cells, size] of [
      [4, 4],
      [3, 10],
      [256, 384],
      [256, 4096],
      [7, 100],
    ] as const) {
      for (let cell = 0; cell < cells; cell++) {
        const inside = Array.from({ length: size }, (_, i) => i).filter(
          (i) => Math.floor((i * cells) / size) === cell,
        );
        expect(cellRange(cell, cells, size)).toEqual([inside[0], inside.at(-1)]);
      }
    }
  });

  test("the common domain spans both grids and survives a constant", () => {
    const grid = (from: number, n: number) => ({
      rows: 1,
      cols: n,
      values: Float32Array.from({ length: n }, (_, i) => from + i),
    });
    const [low, high] = commonDomain([grid(0, 500), grid(500, 501)]);
    expect(low).toBe(30); // 3rd percentile of 0…1000
    expect(high).toBe(997);
    const [a, b] = commonDomain([{ rows: 1, cols: 2, values: Float32Array.of(3, 3) }]);
    expect(a).toBeLessThan(3);
    expect(b).toBeGreaterThan(3);
  });
});

describe("Lorenz curve", () => {
  /** 60 weights of one decade, 40 of the next: within a bin the mean is proportional to its top edge. */
  const two: Histogram = { min: -2, max: 0, kept: [10, 40], pruned: [50, 0] };

  test("two bins, by hand", () => {
    const curve = lorenz(two);
    // 60 · 0.1 : 40 · 1 = 6 : 40
    expect(curve.points).toHaveLength(3);
    expect(curve.points[1]?.weights).toBeCloseTo(0.6, 12);
    expect(curve.points[1]?.importance).toBeCloseTo(6 / 46, 12);
    expect(curve.points[2]?.weights).toBeCloseTo(1, 12);
    expect(curve.points[2]?.importance).toBeCloseTo(1, 12);
    // Area under (0,0) (0.6, 6/46) (1, 1) by trapezoids.
    const area = 0.6 * (6 / 46 / 2) + 0.4 * ((6 / 46 + 1) / 2);
    expect(curve.gini).toBeCloseTo(1 - 2 * area, 12);
    expect(heldBySmallest(curve, 0.3)).toBeCloseTo(3 / 46, 12);
    expect(heldBySmallest(curve, 0.8)).toBeCloseTo((6 / 46 + 1) / 2, 12);
  });

  test("follows the exact curve of log-normal importances", () => {
    const values = Array.from({ length: 20_000 }, (_, i) =>
      Math.exp(1.5 * normalQuantile((i + 0.5) / 20_000)),
    );
    const top = Math.log10(Math.max(...values));
    const kept = new Array<number>(48).fill(0);
    for (const v of values) {
      const bin = Math.max(0, Math.min(47, Math.floor((Math.log10(v) - (top - 8)) * 6)));
      kept[bin] = (kept[bin] ?? 0) + 1;
    }
    const curve = lorenz({ min: top - 8, max: top, kept, pruned: kept.map(() => 0) });
    const total = values.reduce((a, b) => a + b, 0);
    for (const share of [0.25, 0.5, 0.75, 0.9]) {
      const exact =
        values.slice(0, Math.floor(share * values.length)).reduce((a, b) => a + b, 0) / total;
      expect(Math.abs(heldBySmallest(curve, share) - exact)).toBeLessThan(0.01);
    }
  });

  test("never above the diagonal, never falling", () => {
    const { points } = lorenz({ min: -9, max: -1, kept: [5, 0, 7, 1], pruned: [3, 0, 0, 9] });
    for (const [i, p] of points.entries()) {
      expect(p.importance).toBeLessThanOrEqual(p.weights + 1e-12);
      const before = points[i - 1];
      if (before !== undefined) expect(p.importance).toBeGreaterThanOrEqual(before.importance);
    }
  });

  test("a matrix without weights has no curve", () => {
    expect(lorenz({ min: 0, max: 1, kept: [0], pruned: [0] })).toEqual({ points: [], gini: 0 });
  });
});

describe("histogram bars", () => {
  const histogram: Histogram = { min: -6, max: 2, kept: [0, 3, 5, 2], pruned: [9, 1, 0, 0] };

  test("densities integrate to one and keep the proportion of kept to pruned", () => {
    const rows = bars(histogram);
    const area = rows.reduce((n, b) => n + (b.kept + b.pruned) * (b.to - b.from), 0);
    expect(area).toBeCloseTo(1, 12);
    expect(rows[1]?.kept).toBeCloseTo(3 / 20 / 2, 12);
    expect(rows[1]?.pruned).toBeCloseTo(1 / 20 / 2, 12);
    expect([rows[0]?.from, rows.at(-1)?.to]).toEqual([-6, 2]);
  });

  test("empty bins at the ends are not part of the bulk", () => {
    const padded = bars({ min: 0, max: 5, kept: [0, 0, 10, 4, 0], pruned: [0, 0, 0, 0, 0] });
    expect(bulk(padded)).toEqual([2, 4]);
  });
});

describe("colours", () => {
  const at = Array.from({ length: 21 }, (_, i) => i / 20);

  test("the sequential ramp rises in luminance throughout", () => {
    const light = at.map((t) => luminance(sequential(t)));
    for (let i = 1; i < light.length; i++) expect(light[i]).toBeGreaterThan(light[i - 1] ?? 1);
  });

  test("no change is the lightest colour of the diverging ramp, and its ends differ in hue", () => {
    const light = at.map((t) => luminance(diverging(t)));
    expect(Math.max(...light)).toBe(light[10]);
    expect(rgb(diverging(0)).b).toBeGreaterThan(rgb(diverging(0)).r);
    expect(rgb(diverging(1)).r).toBeGreaterThan(rgb(diverging(1)).b);
  });

  test("text on any data colour has a contrast of at least 4.5 (WCAG AA)", () => {
    for (const ramp of [sequential, diverging, mask]) {
      for (const t of at) {
        const [a, b] = [luminance(ramp(t)), luminance(inkOn(ramp(t)))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        expect(contrast).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  test("values outside the domain take the colour of its end", () => {
    const scale = { domain: [2, 4] as const, ramp: sequential };
    expect(colourOf(scale, -100)).toBe(sequential(0));
    expect(colourOf(scale, 3)).toBe(sequential(0.5));
    expect(colourOf(scale, 100)).toBe(sequential(1));
  });

  test("domains", () => {
    expect(symmetricDomain([-0.3, 0.1])).toEqual([-0.3, 0.3]);
    expect(symmetricDomain([])).toEqual([-1, 1]);
    expect(zeroDomain([0.2, 0.1])).toEqual([0, 0.2]);
    expect(zeroDomain([0])).toEqual([0, 1]);
  });

  test("the pixel table holds the ramp, opaque", () => {
    const table = rampTable(mask);
    const { r, g, b } = rgb(mask(1));
    expect([...table.slice(-4)]).toEqual([r, g, b, 255]);
    expect(table.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });
});

describe("numbers as text", () => {
  test.each([
    [format.percent(0.1234), "12.3\u202f%"],
    [format.change(-0.05), "\u22125.0\u202f%"],
    [format.change(0.05), "+5.0\u202f%"],
    [format.fromLog10(-3.5), "3.2 × 10⁻⁴"],
    [format.fromLog10(Math.log10(9.97e-5)), "1.0 × 10⁻⁴"],
    [format.fromLog10(0), "1"],
    [format.powerOfTen(-12), "10⁻¹²"],
    [format.powerOfTen(3), "10³"],
    [format.bytes(999), "999\u202fB"],
    [format.bytes(16_060_522_496), "16.1\u202fGB"],
    [format.duration(3.25), "3.3\u202fs"],
    [format.duration(200), "3 min 20 s"],
    [format.duration(7500), "2 h 05 min"],
    [format.perplexity(4.107), "4.11"],
    [format.perplexity(Infinity), "∞"],
    [format.perplexity(48_000_000), "48,000,000"],
    [format.range(3, 3), "3"],
    [format.range(8, 15), "8–15"],
  ])("%s", (actual, expected) => {
    expect(actual).toBe(expected);
  });
});

describe("curves", () => {
  const point = (loss: number) => [{ step: 0, objective: "entropy" as const, loss }];

  test("neighbours with one rotation become one line, equal losses apart do not", () => {
    const layers = [1, 1, 2, 1].map((loss, index) => ({ index, curve: point(loss) }));
    expect(learnedCurves(layers).map(({ first, last }) => [first, last])).toEqual([
      [0, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test("the loss has a series of its own, the entropy another of the steps at which it is known", () => {
    const curve = [1, 2, 3].map((step) => ({
      ...{ step, objective: "pruned-mass" as const, loss: 10 - step },
      ...(step === 2 ? {} : { entropy: 100 * step }),
    }));
    expect(seriesPoints(curve, "pruned-mass").map(({ value }) => value)).toEqual([9, 8, 7]);
    expect(seriesPoints(curve, "entropy")).toEqual([
      { step: 1, value: 100 },
      { step: 3, value: 300 },
    ]);
    expect(seriesOf(learnedCurves([{ index: 0, curve }]))).toEqual([
      { figure: "pruned-mass", minimised: true, from: 1, to: 3 },
      { figure: "entropy", minimised: false, from: 1, to: 3 },
    ]);
  });

  test("an entropy that is the loss itself is one series", () => {
    const curve = point(5).map((p) => ({ ...p, entropy: 5 }));
    expect(seriesOf(learnedCurves([{ index: 0, curve }]))).toEqual([
      { figure: "entropy", minimised: true, from: 0, to: 0 },
    ]);
  });

  test("layers without a curve were not rotated", () => {
    expect(learnedCurves([{ index: 0, curve: [] }])).toEqual([]);
  });
});

describe("harm undone", () => {
  test("all, none, half in the loss, and worse", () => {
    expect(recovered(4, 16, 4)).toBe(1);
    expect(recovered(4, 16, 16)).toBe(0);
    expect(recovered(4, 16, 8)).toBeCloseTo(0.5, 12);
    expect(recovered(4, 16, 32)).toBeCloseTo(-0.5, 12);
  });

  test("undefined where pruning did no harm or a figure is infinite", () => {
    expect(recovered(4, 4, 3)).toBeUndefined();
    expect(recovered(4, Infinity, 5)).toBeUndefined();
  });
});

describe("matrix size on the page", () => {
  test("whole pixels per weight where there is room, proportions kept", () => {
    expect(plotSize({ rows: 128, cols: 128 }, [128, 128], 300)).toEqual({
      width: 256,
      height: 256,
    });
  });

  test("a tall matrix is as high as allowed, a flat one not thinner than one can see", () => {
    const tall = plotSize({ rows: 256, cols: 64 }, [4096, 1024], 300);
    expect(tall.height).toBeLessThanOrEqual(400);
    expect(tall.width / tall.height).toBeCloseTo(0.25, 0);
    const flat = plotSize({ rows: 8, cols: 256 }, [8, 8192], 300);
    expect(flat.height).toBeGreaterThanOrEqual(64);
  });
});

describe("tables", () => {
  interface Row {
    readonly name: string;
    readonly size: number;
  }
  const columns: Column<Row>[] = [
    { label: "name", value: (r) => r.name },
    { label: "size, MB", value: (r) => r.size },
  ];

  test("CSV quotes what RFC 4180 says it must", () => {
    const csv = toCsv(columns, [
      { name: 'a "b"', size: 1.5 },
      { name: "line\nbreak", size: -2 },
    ]);
    expect(csv).toBe('name,"size, MB"\r\n"a ""b""",1.5\r\n"line\nbreak",-2\r\n');
  });

  test("numbers sort by size, equals keep their order, the input is untouched", () => {
    const rows = [
      { name: "b", size: 10 },
      { name: "a", size: 9 },
      { name: "c", size: 10 },
    ];
    const size = columns[1];
    if (size === undefined) throw new Error("no column");
    expect(sorted(rows, size, true).map((r) => r.name)).toEqual(["a", "b", "c"]);
    expect(sorted(rows, size, false).map((r) => r.name)).toEqual(["b", "c", "a"]);
    expect(rows.map((r) => r.name)).toEqual(["b", "a", "c"]);
  });
});

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const { r, g, b } = rgb(colour);
  const linear = (v: number): number => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

/** Inverse of the normal distribution function, good to three digits: only the spread matters here. */
function normalQuantile(p: number): number {
  // Winitzki (2008), approximation of the inverse error function.
  const y = 2 * p - 1;
  const ln = Math.log(1 - y * y);
  const a = 0.147;
  const first = 2 / (Math.PI * a) + ln / 2;
  return Math.SQRT2 * Math.sign(y) * Math.sqrt(Math.sqrt(first * first - ln / a) - first);
}
