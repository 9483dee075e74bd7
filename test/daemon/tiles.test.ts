/** Tiles, statistics and histograms against direct computations on the same values. */
import fc from "fast-check";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  encodeFloats,
  openCheckpoint,
  tensorStatistics,
  writeSafetensors,
  type Checkpoint,
} from "../../daemon/checkpoint/index.ts";
import { TILE_CELLS, type Tile } from "../../daemon/protocol.ts";
import { seededRandom } from "../../daemon/random.ts";
import { inspect, OpenCheckpoints, readTile, valueHistogram } from "../../daemon/tiles/index.ts";

const never = new AbortController().signal;
/** Larger than a tile on both sides, with sides that 256 does not divide, and more than one chunk of reading. */
const [ROWS, COLS] = [611, 1030];
const random = seededRandom(3);
// Multiples of 1/256 are exact in BF16 up to 1, so that the test knows the stored values.
const values = Float32Array.from({ length: ROWS * COLS }, () =>
  random.next() < 0.3 ? 0 : (random.integer(255) - 127) / 256,
);

let folder: string;
let file: string;
let checkpoint: Checkpoint;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dr-tiles-"));
  file = join(folder, "model.safetensors");
  await writeSafetensors(file, [
    { name: "w", dtype: "BF16", shape: [ROWS, COLS], data: encodeFloats("BF16", values) },
    { name: "v", dtype: "F32", shape: [3], data: encodeFloats("F32", Float32Array.of(1, 0, -2)) },
    { name: "n", dtype: "I32", shape: [2], data: new Uint8Array(8) },
    {
      name: "t",
      dtype: "F32",
      shape: [2, 2, 2],
      data: encodeFloats("F32", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    },
  ]);
  checkpoint = await openCheckpoint(file);
});
afterAll(async () => {
  await checkpoint.close();
  await rm(folder, { recursive: true });
});

function cellsOf({ data, format }: Tile): number[] {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return [...(format === "u8" ? bytes : new Float32Array(bytes.buffer))];
}
const at = (row: number, col: number) => values[row * COLS + col] ?? NaN;

/** Mean of `f` over every cell, straight from the definition in the protocol. */
function expected(
  rows: readonly [number, number],
  cols: readonly [number, number],
  f: (w: number) => number,
): number[] {
  const [height, width] = [rows[1] - rows[0], cols[1] - cols[0]];
  const [cellRows, cellCols] = [Math.min(height, TILE_CELLS), Math.min(width, TILE_CELLS)];
  const sums = new Array<number>(cellRows * cellCols).fill(0);
  const counts = new Array<number>(cellRows * cellCols).fill(0);
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const cell =
        Math.floor((r * cellRows) / height) * cellCols + Math.floor((c * cellCols) / width);
      sums[cell] = (sums[cell] ?? 0) + f(at(rows[0] + r, cols[0] + c));
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
  }
  return sums.map((sum, i) => sum / (counts[i] ?? 1));
}

const part = (count: number) =>
  fc.tuple(fc.nat(count), fc.nat(count)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe("tiles", () => {
  test("any part: means of squares, or the weights where they are few", async () => {
    await fc.assert(
      fc.asyncProperty(part(ROWS), part(COLS), async (rows, cols) => {
        const tile = await readTile(
          checkpoint,
          { tensor: "w", kind: "magnitude", rows, cols },
          never,
        );
        const exact = rows[1] - rows[0] <= TILE_CELLS && cols[1] - cols[0] <= TILE_CELLS;
        expect([tile.exact, tile.shape, tile.rows, tile.cols]).toEqual([
          exact,
          [ROWS, COLS],
          rows,
          cols,
        ]);
        const wanted = expected(rows, cols, exact ? (w) => w : (w) => w * w);
        const cells = cellsOf(tile);
        expect(cells.length).toBe(wanted.length);
        const worst = cells.reduce(
          (most, cell, i) => Math.max(most, Math.abs(cell - (wanted[i] ?? NaN))),
          0,
        );
        expect(worst).toBeLessThan(1e-7);
      }),
      { numRuns: 25 },
    );
  });

  test("zeros: shares of the whole, and each weight where they are few", async () => {
    const isZero = (w: number) => (w === 0 ? 1 : 0);
    const whole = await readTile(checkpoint, { tensor: "w", kind: "zeros" }, never);
    expect(cellsOf(whole)).toEqual(
      expected([0, ROWS], [0, COLS], isZero).map((x) => Math.round(255 * x)),
    );
    const few = await readTile(
      checkpoint,
      { tensor: "w", kind: "zeros", rows: [600, 611], cols: [1000, 1030] },
      never,
    );
    expect([few.exact, cellsOf(few)]).toEqual([
      true,
      expected([600, 611], [1000, 1030], isZero).map((x) => 255 * x),
    ]);
  });

  test("vectors are one row, other tensors matrices of their last dimension", async () => {
    const v = await readTile(checkpoint, { tensor: "v", kind: "magnitude" }, never);
    expect([v.shape, cellsOf(v)]).toEqual([
      [1, 3],
      [1, 0, -2],
    ]);
    const t = await readTile(checkpoint, { tensor: "t", kind: "magnitude", rows: [1, 3] }, never);
    expect([t.shape, cellsOf(t)]).toEqual([
      [4, 2],
      [3, 4, 5, 6],
    ]);
  });

  test("what cannot be shown is refused", async () => {
    const refused = (asked: { tensor: string; rows?: [number, number] }, signal = never) =>
      expect(readTile(checkpoint, { kind: "zeros", ...asked }, signal)).rejects;
    await refused({ tensor: "x" }).toMatchObject({ code: "tiles/no-such-tensor" });
    await refused({ tensor: "n" }).toMatchObject({ code: "tiles/not-float" });
    await refused({ tensor: "w", rows: [5, ROWS + 1] }).toMatchObject({ code: "tiles/bad-range" });
    await refused({ tensor: "w", rows: [5, 4] }).toMatchObject({ code: "tiles/bad-range" });
    await refused({ tensor: "w" }, AbortSignal.abort()).toMatchObject({ kind: "cancelled" });
  });

  test("a cancellation while it reads is heard", async () => {
    const controller = new AbortController();
    const reading = readTile(checkpoint, { tensor: "w", kind: "magnitude" }, controller.signal);
    setImmediate(() => {
      controller.abort();
    });
    await expect(reading).rejects.toMatchObject({ kind: "cancelled" });
  });
});

test("the histogram counts every value but zeros, in the right bin", async () => {
  const statistics = await tensorStatistics(checkpoint, "w");
  const histogram = await valueHistogram(checkpoint, "w", statistics, never);
  if (!histogram) throw new Error("no histogram");
  const { min, max, counts } = histogram;
  const wanted = new Array<number>(counts.length).fill(0);
  for (const w of values) {
    if (w === 0) continue;
    const bin = Math.min(counts.length - 1, Math.floor(((w - min) / (max - min)) * counts.length));
    wanted[bin] = (wanted[bin] ?? 0) + 1;
  }
  expect([min, max]).toEqual([
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ]);
  expect(counts).toEqual(wanted);
});

test("inspection is the header", () => {
  const { tensors, files } = inspect(checkpoint);
  expect(files.map(({ path }) => path)).toEqual([file]);
  expect(tensors.find(({ name }) => name === "w")).toMatchObject({
    dtype: "BF16",
    shape: [ROWS, COLS],
    bytes: 2 * ROWS * COLS,
    file: 0,
  });
});

test("open checkpoints are shared, and opened again when the file was replaced", async () => {
  const open = new OpenCheckpoints();
  const same = (opened: Checkpoint) => Promise.resolve(opened);
  const first = await open.with(file, same);
  expect(await open.with(file, same)).toBe(first);
  await utimes(file, new Date(), new Date(Date.now() + 5000));
  const second = await open.with(file, same);
  expect(second).not.toBe(first);
  expect((await second.readFloats("v"))[2]).toBe(-2);
  await open.close();
  await expect(second.readFloats("v")).rejects.toMatchObject({ code: "checkpoint/closed" });
});
