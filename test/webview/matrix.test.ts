/** The heatmap's arithmetic: what is in view, which tiles show it, which are kept, and which answers count. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Tile } from "../../webview/messages.ts";
import { levelFor, span, TILE_SIDE, tileOf, tilesOver } from "../../webview/matrix/levels.ts";
import { Lru } from "../../webview/matrix/lru.ts";
import { cellOf, decodeTile } from "../../webview/matrix/tile.ts";
import { TileStore, type WantedTile } from "../../webview/matrix/tileStore.ts";
import {
  fit,
  pan,
  plotSize,
  resized,
  reveal,
  visible,
  weightAt,
  zoom,
} from "../../webview/matrix/viewport.ts";

const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 20_000 }),
  cols: fc.integer({ min: 1, max: 20_000 }),
});
const AVAILABLE = { width: 400, height: 420 };

describe("viewport", () => {
  test("a plot never exceeds the room, and its whole view shows the whole matrix", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const size = plotSize(shape, AVAILABLE);
        expect(size.width).toBeLessThanOrEqual(AVAILABLE.width);
        expect(size.height).toBeLessThanOrEqual(AVAILABLE.height);
        expect(Math.min(size.width, size.height)).toBeGreaterThanOrEqual(28);
        expect(visible(fit(shape, size), shape, size)).toEqual({
          rows: [0, shape.rows],
          cols: [0, shape.cols],
        });
      }),
    );
  });

  test("a square matrix is drawn as a square", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 80, max: 900 }),
        (n, width) => {
          const size = plotSize({ rows: n, cols: n }, { width, height: 460 });
          expect(size.width).toBe(size.height);
        },
      ),
    );
  });

  const walks = fc.array(
    fc.oneof(
      fc.record({
        factor: fc.double({ min: 0.2, max: 5, noNaN: true }),
        x: fc.double({ min: 0, max: 1, noNaN: true }),
        y: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({
        dx: fc.integer({ min: -900, max: 900 }),
        dy: fc.integer({ min: -900, max: 900 }),
      }),
    ),
    { maxLength: 30 },
  );

  test("wherever one goes, nothing beside the matrix comes into view", () => {
    fc.assert(
      fc.property(shapes, walks, (shape, walk) => {
        const size = plotSize(shape, AVAILABLE);
        let view = fit(shape, size);
        for (const step of walk) {
          view =
            "factor" in step
              ? zoom(
                  view,
                  step.factor,
                  { x: step.x * size.width, y: step.y * size.height },
                  shape,
                  size,
                )
              : pan(view, step.dx, step.dy, shape, size);
          expect(view.row).toBeGreaterThanOrEqual(0);
          expect(view.col).toBeGreaterThanOrEqual(0);
          expect(view.row + size.height / view.scaleY).toBeLessThanOrEqual(shape.rows * (1 + 1e-9));
          expect(view.col + size.width / view.scaleX).toBeLessThanOrEqual(shape.cols * (1 + 1e-9));
        }
      }),
    );
  });

  test("zooming in keeps what lies under the pointer", () => {
    const shape = { rows: 4096, cols: 4096 };
    const size = plotSize(shape, AVAILABLE);
    const at = { x: 123, y: 321 };
    const near = zoom(fit(shape, size), 8, at, shape, size);
    const closer = zoom(near, 3, at, shape, size);
    expect(weightAt(near, at, shape, size)).toBeDefined();
    expect(weightAt(closer, at, shape, size)).toEqual(weightAt(near, at, shape, size));
  });

  test("zooming ends with weights of equal sides, and out again with the whole", () => {
    const shape = { rows: 512, cols: 64 };
    const size = plotSize(shape, AVAILABLE);
    const close = zoom(fit(shape, size), 1e6, { x: 5, y: 5 }, shape, size);
    expect(close.scaleX).toBe(close.scaleY);
    expect(zoom(close, 1e-6, { x: 5, y: 5 }, shape, size)).toEqual(fit(shape, size));
  });

  test("reveal moves as little as it must", () => {
    const shape = { rows: 1000, cols: 1000 };
    const size = { width: 400, height: 400 };
    const view = zoom(fit(shape, size), 10, { x: 0, y: 0 }, shape, size);
    expect(reveal(view, 50, 50, shape, size)).toEqual(view);
    const moved = reveal(view, 500, 50, shape, size);
    expect(moved.col).toBe(view.col);
    expect(visible(moved, shape, size).rows[1]).toBe(501);
  });

  test("a resized plot shows the same part", () => {
    const shape = { rows: 4096, cols: 4096 };
    const from = { width: 400, height: 400 };
    const view = zoom(fit(shape, from), 4, { x: 200, y: 200 }, shape, from);
    const to = { width: 600, height: 600 };
    expect(visible(resized(view, shape, from, to), shape, to)).toEqual(visible(view, shape, from));
  });
});

describe("levels", () => {
  test("a cell is never finer than a pixel nor coarser than two", () => {
    for (const scale of [64, 1, 0.99, 0.5, 0.49, 0.1, 0.003]) {
      const cell = scale * 2 ** levelFor(scale);
      expect(cell).toBeGreaterThanOrEqual(1 - 1e-6);
      if (levelFor(scale) > 0) expect(cell).toBeLessThan(2);
    }
  });

  test("the tiles over a part hold each of its weights exactly once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 0, max: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rows, cols, level, at) => {
          const shape = { rows, cols };
          const part = {
            rows: [Math.floor(at * (rows - 1)), rows] as const,
            cols: [
              0,
              Math.ceil((at + 0.01) * cols) > cols ? cols : Math.ceil((at + 0.01) * cols),
            ] as const,
          };
          const tiles = tilesOver(part, level, shape);
          const row = part.rows[0] + Math.floor(at * (part.rows[1] - part.rows[0] - 1));
          const col = Math.floor(at * (part.cols[1] - 1));
          const holding = tiles.filter(
            (t) => t.rows[0] <= row && row < t.rows[1] && t.cols[0] <= col && col < t.cols[1],
          );
          expect(holding).toEqual([tileOf(row, col, level, shape)]);
          for (const { rows: r, cols: c } of tiles) {
            expect(r[1] - r[0]).toBeLessThanOrEqual(span(level));
            expect(r[1]).toBeLessThanOrEqual(rows);
            expect(c[1]).toBeLessThanOrEqual(cols);
          }
        },
      ),
    );
  });
});

describe("lru", () => {
  test("holds the newest that fit, whatever happens", () => {
    const operations = fc.array(
      fc.record({
        key: fc.integer({ min: 0, max: 9 }),
        weight: fc.integer({ min: 1, max: 5 }),
        set: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(operations, (list) => {
        const lru = new Lru<number, number>(10);
        // A model of it: keys by last use, oldest first.
        let model: { key: number; weight: number }[] = [];
        for (const { key, weight, set } of list) {
          const known = model.find((entry) => entry.key === key);
          if (set) {
            lru.set(key, key * 10, weight);
            model = [...model.filter((entry) => entry.key !== key), { key, weight }];
            while (model.reduce((sum, entry) => sum + entry.weight, 0) > 10) model.shift();
          } else {
            expect(lru.get(key)).toBe(known === undefined ? undefined : key * 10);
            if (known) model = [...model.filter((entry) => entry !== known), known];
          }
          expect(lru.size).toBe(model.length);
          expect(lru.weight).toBe(model.reduce((sum, entry) => sum + entry.weight, 0));
        }
      }),
    );
  });

  test("what alone is too heavy is there until the next", () => {
    const lru = new Lru<string, number>(4);
    lru.set("small", 1, 2);
    lru.set("huge", 2, 100);
    expect([lru.get("small"), lru.get("huge")]).toEqual([undefined, 2]);
    lru.set("next", 3, 1);
    expect(lru.get("huge")).toBeUndefined();
  });
});

function floatTile(
  rows: readonly [number, number],
  cols: readonly [number, number],
  cells: number[],
): Tile {
  const side = { cellRows: rows[1] - rows[0], cellCols: cols[1] - cols[0] };
  const data = Buffer.from(Float32Array.from(cells).buffer).toString("base64");
  return { shape: [100, 100], rows, cols, ...side, exact: true, format: "f32", data };
}

describe("tiles", () => {
  test("decoding gives back the values, and says so when there are too few", () => {
    const tile = floatTile([2, 4], [10, 12], [1.5, -2, 0, 1e-30]);
    expect([...decodeTile("written", tile).values]).toEqual([1.5, -2, 0, Math.fround(1e-30)]);
    expect(() => decodeTile("written", { ...tile, cellRows: 3 })).toThrow(RangeError);
  });

  test("a weight lies in the cell the daemon put it into", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 0, max: 500 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (extent, start, at) => {
          const cells = Math.min(extent, 256);
          const range = [start, start + extent] as const;
          const tile = { rows: range, cols: [0, 1] as const, cellRows: cells, cellCols: 1 };
          const row = start + Math.floor(at * extent);
          const cell = cellOf(tile, row, 0);
          expect(cell?.index).toBe(Math.floor(((row - start) * cells) / extent));
          expect(cell?.rows[0]).toBeLessThanOrEqual(row);
          expect(cell?.rows[1]).toBeGreaterThan(row);
          expect(cellOf(tile, start + extent, 0)).toBeUndefined();
        },
      ),
    );
  });
});

describe("tile store", () => {
  const shape = { rows: 10 * TILE_SIDE, cols: TILE_SIDE };
  const wanted = tilesOver({ rows: [0, shape.rows], cols: [0, 1] }, 0, shape).map(
    (address): WantedTile<"a"> => ({ kind: "a", address }),
  );
  const first = wanted[0];
  if (first === undefined) throw new Error("no tile");

  /** A store whose answers come when the test says so. */
  function held() {
    const calls: {
      wanted: WantedTile<"a">;
      signal: AbortSignal;
      answer: (value: number) => Promise<void>;
      fail: () => Promise<void>;
    }[] = [];
    let changes = 0;
    const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
    const store = new TileStore<"a">(
      (one, signal) =>
        new Promise((resolve, reject) => {
          calls.push({
            wanted: one,
            signal,
            answer: (value) => {
              resolve(floatTile([0, 1], [0, 1], [value]));
              return settle();
            },
            fail: () => {
              reject(new Error("no"));
              return settle();
            },
          });
        }),
      () => changes++,
    );
    return { store, calls, changes: () => changes };
  }
  const at = <T>(list: readonly T[], i: number): T => {
    const item = list[i];
    if (item === undefined) throw new Error(`no ${i}`);
    return item;
  };

  test("asks for a few at a time, in order, and for the next when one is there", async () => {
    const { store, calls } = held();
    store.want(wanted);
    expect(calls.map((call) => call.wanted)).toEqual(wanted.slice(0, 4));
    await at(calls, 0).answer(7);
    expect(store.get("a", first.address)?.values[0]).toBe(7);
    expect(calls.map((call) => call.wanted)).toEqual(wanted.slice(0, 5));
  });

  test("cancels what is no longer wanted, and drops its answer", async () => {
    const { store, calls, changes } = held();
    store.want([first]);
    store.want([]);
    expect(at(calls, 0).signal.aborted).toBe(true);
    await at(calls, 0).answer(1);
    expect(store.get("a", first.address)).toBeUndefined();
    expect(changes()).toBe(0);
  });

  test("a stale answer does not stand in for a newer question", async () => {
    const { store, calls } = held();
    store.want([first]);
    store.want([]);
    store.want([first]);
    await at(calls, 0).answer(1);
    expect(store.get("a", first.address)).toBeUndefined();
    await at(calls, 1).answer(2);
    expect(store.get("a", first.address)?.values[0]).toBe(2);
  });

  test("nothing that was under way survives a clear", async () => {
    const { store, calls } = held();
    store.want([first]);
    store.clear();
    await at(calls, 0).answer(1);
    expect(store.get("a", first.address)).toBeUndefined();
  });

  test("what failed is told, not asked for again and again, and tried anew on request", async () => {
    const { store, calls } = held();
    store.want([first]);
    await at(calls, 0).fail();
    store.want([first]);
    expect(calls).toHaveLength(1);
    expect(store.failure("a")?.message).toBe("no");
    store.retry();
    expect(calls).toHaveLength(2);
    expect(store.failure("a")).toBeUndefined();
  });
});
