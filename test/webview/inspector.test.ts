/** The inspector's page against a host that answers late, or not at first. */
import type { CancellationToken } from "vscode-jsonrpc";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { DaemonError } from "../../extension/errors.ts";
import type { Answers } from "../../extension/panels/session.ts";
import type { InspectionView, StatisticsView, Tile } from "../../webview/messages.ts";
import { launch } from "./browser.ts";
import { buildPages } from "./built.ts";
import { openPanel, type Panel } from "./panel.ts";
import { THEMES } from "./themes.ts";

const launched = await launch();
const skipped = launched.browser === undefined ? `, skipped: ${launched.reason}` : "";
const SIDE = 256;

interface Part {
  readonly rows: readonly [number, number];
  readonly cols: readonly [number, number];
}

const inspection: InspectionView = {
  root: "/m",
  files: [{ path: "/m/model.safetensors", bytes: 8 * SIDE * SIDE }],
  tensors: ["a.weight", "b.weight"].map((name) => ({
    name,
    dtype: "F32",
    shape: [SIDE, SIDE],
    bytes: 4 * SIDE * SIDE,
    file: 0,
    offset: 0,
  })),
  metadata: {},
  modelType: null,
  notes: [],
};
const statistics: StatisticsView = {
  statistics: {
    ...{ count: SIDE * SIDE, zeros: 0, zerosFraction: 0, nan: 0, inf: 0 },
    ...{ min: -1, max: 1, mean: 0, std: 0.5, pattern: null },
  },
  histogram: { min: -1, max: 1, counts: [1, 2, 1] },
};

/** @param cell weights a side that a cell stands for */
function tileOf({ rows, cols }: Part, cell: number): Tile {
  const cellRows = Math.ceil((rows[1] - rows[0]) / cell);
  const cellCols = Math.ceil((cols[1] - cols[0]) / cell);
  const values = Float32Array.from({ length: cellRows * cellCols }, (_, i) => 0.1 + (i % 7) / 10);
  return {
    ...{ rows, cols, cellRows, cellCols, exact: cell === 1, format: "f32", shape: [SIDE, SIDE] },
    data: Buffer.from(values.buffer).toString("base64"),
  };
}

describe.runIf(skipped === "")(`the inspector in Chromium${skipped}`, () => {
  let panel: Panel | null = null;
  beforeAll(buildPages, 120_000);
  afterEach(async () => {
    const noise = panel?.noise;
    await panel?.[Symbol.asyncDispose]();
    panel = null;
    expect(noise).toEqual([]);
  });
  afterAll(() => launched.browser?.close());

  async function open(answer: Answers<CancellationToken>["answer"]) {
    if (launched.browser === undefined) throw new Error(skipped);
    panel = await openPanel(launched.browser, {
      view: "safetensors",
      answers: { answer },
      theme: THEMES[0],
    });
    await panel.page.locator(".tree-row").first().waitFor();
    return panel.page;
  }

  test("a click counts, though figures come between press and release", async () => {
    const waiting: (() => void)[] = [];
    const page = await open(async (method) => {
      if (method === "inspect") return inspection as never;
      if (method === "tensorTile") throw new DaemonError("checkpoint/no-tile", "input", "no");
      await new Promise<void>((resolve) => waiting.push(resolve));
      return statistics as never;
    });
    await page.getByRole("searchbox").fill("weight");
    await page.getByRole("button", { name: "Count Zeros of All" }).click();
    await expect.poll(() => waiting.length).toBe(1);
    await page.locator(".tree-row", { hasText: "b.weight" }).hover();
    await page.mouse.down();
    waiting.shift()?.();
    // The next tensor is asked for after the first one's figures were shown.
    await expect.poll(() => waiting.length).toBe(1);
    await page.mouse.up();
    await page.getByRole("heading", { name: "b.weight" }).waitFor();
    // What was held back is drawn after the release.
    await expect
      .poll(() => page.locator(".tree-zeros").allTextContents())
      .toEqual(expect.arrayContaining([expect.stringMatching(/%$/)]));
    for (const resolve of waiting) resolve();
  });

  test("a part that cannot be read is told, and read on request", async () => {
    let broken = true;
    let overviews = 0;
    const page = await open((method, params) => {
      if (method === "inspect") return Promise.resolve(inspection as never);
      if (method === "statistics") return Promise.resolve(statistics as never);
      if (overviews++ === 0) return Promise.resolve(tileOf(params as Part, 4) as never);
      if (!broken) return Promise.resolve(tileOf(params as Part, 1) as never);
      return Promise.reject(new DaemonError("checkpoint/unreadable", "input", "The disk is gone."));
    });
    await page.getByRole("searchbox").fill("a.weight");
    await page.locator(".tree").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    const plots = page.locator(".dr-plots");
    await plots.waitFor();
    const note = page.getByText("The disk is gone.");
    for (let i = 0; i < 8; i++) await plots.press("+");
    await note.waitFor();
    broken = false;
    await page.getByRole("button", { name: "Try Again" }).click();
    await note.waitFor({ state: "detached" });
  });
});
