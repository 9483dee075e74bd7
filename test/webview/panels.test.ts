/**
 * Every page in a real browser with a real daemon at the other end, on a real pruning of the bundled sample; each is
 * photographed in every theme into out/screenshots.
 */
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { CancellationTokenSource, type CancellationToken } from "vscode-jsonrpc";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AnswersAhead } from "../../extension/panels/ahead.ts";
import { checkpointAnswers, runAnswers } from "../../extension/panels/answers.ts";
import type { Answers } from "../../extension/panels/session.ts";
import type { Viewport } from "../../webview/matrix/viewport.ts";
import type {
  MatrixTileKind,
  MethodName,
  Params,
  RunSource,
  Tile,
} from "../../webview/messages.ts";
import { bundleDaemon } from "../daemon/bundle.ts";
import { Harness, reportBuilt, type Client } from "../daemon/harness.ts";
import { launch } from "./browser.ts";
import { buildPages } from "./built.ts";
import { openPanel, quiet, type Panel, type PanelOptions } from "./panel.ts";
import { follow, pruneSample, requestsOf } from "./sampleRun.ts";
import { THEMES } from "./themes.ts";

const SCREENSHOTS = fileURLToPath(new URL("../../out/screenshots/", import.meta.url));
const launched = await launch();
const missing =
  launched.browser === undefined
    ? `, skipped: ${launched.reason}`
    : reportBuilt
      ? ""
      : ", skipped: run npm run build first";
const [light] = THEMES;

describe.runIf(missing === "")(`pages in Chromium${missing}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "dr-panels-"));
  let harness: Harness;
  let client: Client;
  let job: string;
  let output: string;
  const opened: Panel[] = [];

  beforeAll(async () => {
    buildPages();
    mkdirSync(SCREENSHOTS, { recursive: true });
    harness = new Harness(await bundleDaemon("daemon-panels"));
    client = await harness.client(await harness.daemon(await harness.home()));
    await client.attach();
    job = await pruneSample(client, folder);
    const { result } = await client.reached(job, "done");
    if (result?.kind !== "prune") throw new Error("not pruned");
    output = result.output;
  }, 240_000);

  afterEach(async () => {
    const noise = opened.splice(0).map(async (panel) => {
      const heard = panel.noise;
      await panel[Symbol.asyncDispose]();
      return heard;
    });
    expect((await Promise.all(noise)).flat()).toEqual([]);
  });

  afterAll(async () => {
    await launched.browser?.close();
    await harness.cleanUp();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(
    view: string,
    answers: Answers<CancellationToken>,
    more: Partial<PanelOptions> = {},
  ): Promise<Panel> {
    const { browser } = launched;
    if (browser === undefined) throw new Error(missing);
    const panel = await openPanel(browser, { view, answers, theme: light, ...more });
    opened.push(panel);
    return panel;
  }
  const ofRun = (source: RunSource = { job }): Answers<CancellationToken> =>
    runAnswers(requestsOf(client), source);

  describe("matrix", () => {
    const openMatrix = async (more: Partial<PanelOptions> = {}, answers = ofRun()) => {
      const at = { layer: 1, role: "q" } as const;
      const panel = await open("matrix", answers, { at, source: { job }, ...more });
      await panel.page.locator(".dr-raster canvas").first().waitFor();
      await quiet(panel.page);
      return panel;
    };

    test("three heatmaps, none of one colour", async () => {
      const { page } = await openMatrix();
      const counts = await page.locator(".dr-raster canvas").evaluateAll((canvases) =>
        canvases.map((canvas) => {
          if (!(canvas instanceof HTMLCanvasElement)) return 0;
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data;
          return new Set(new Uint32Array(pixels?.buffer ?? new ArrayBuffer(0))).size;
        }),
      );
      expect(counts).toHaveLength(3);
      expect(counts[0]).toBeGreaterThan(50);
      expect(counts[1]).toBeGreaterThan(50);
      expect(counts[2]).toBeGreaterThanOrEqual(2);
    });

    test("the mask draws exactly 2 of every 4 kept", async () => {
      const { page } = await openMatrix();
      const groups = await page
        .locator(".dr-raster canvas")
        .last()
        .evaluate((canvas) => {
          if (!(canvas instanceof HTMLCanvasElement)) return [];
          const side = 64;
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data;
          const kept = (row: number, col: number): number => {
            const x = Math.floor(((col + 0.5) * width) / side);
            const y = Math.floor(((row + 0.5) * height) / side);
            // Kept is dark ink, pruned light paper.
            return (pixels?.[(y * width + x) * 4] ?? 255) < 128 ? 1 : 0;
          };
          const counts: number[] = [];
          for (let row = 0; row < side; row++) {
            for (let col = 0; col < side; col += 4) {
              counts.push([0, 1, 2, 3].reduce((sum, i) => sum + kept(row, col + i), 0));
            }
          }
          return counts;
        });
      expect(groups).toHaveLength(64 * 16);
      expect(new Set(groups)).toEqual(new Set([2]));
    });

    test("keys zoom, move and show all again; the view is kept, and restored", async () => {
      const { page, state } = await openMatrix();
      await page.locator(".dr-plots").focus();
      const view = () => keptView(page, state);
      await page.keyboard.press("0");
      const whole = await view();
      for (const key of ["+", "+", "+"]) await page.keyboard.press(key);
      const near = await view();
      expect(near.scaleX).toBeCloseTo(whole.scaleX * 1.5 ** 3);
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowDown");
      const moved = await view();
      expect(moved.col).toBeGreaterThan(near.col);
      expect(moved.row).toBeGreaterThan(near.row);
      const kept = await state();
      await page.keyboard.press("0");
      expect(await view()).toEqual(whole);
      // Another panel from the kept state, as after a reload of the window.
      const again = await openMatrix({ state: kept, at: null });
      expect(await again.state()).toEqual(kept);
    });

    test("the cross-hair reads row, column, weight, importances, and kept or pruned", async () => {
      const { page } = await openMatrix();
      await page.locator(".dr-plots").focus();
      await page.keyboard.press("Shift+ArrowDown");
      const readout = page.locator(".panel-readout");
      // Drawn, and told, with the next frame.
      const told = expect.poll(() => readout.textContent());
      await told.toMatch(
        /^row 32, column 32(kept, weight −?[\d.e−]+|pruned, weight 0)before .+after .+$/,
      );
      await page.keyboard.press("Shift+ArrowDown");
      await expect.poll(() => readout.textContent()).toMatch(/^row 33, column 32/);
      // The pointer says the same of the same weight in every plot.
      const box = await page.locator(".dr-plot-axes").nth(1).boundingBox();
      if (box === null) throw new Error("no plot");
      const cell = (box.width - 68) / 64;
      await page.mouse.move(box.x + 58 + 32.5 * cell, box.y + 6 + 33.5 * cell);
      await expect.poll(() => readout.textContent()).toMatch(/^row 33, column 32/);
    });

    test("dragging moves all plots, and the wheel zooms about the pointer", async () => {
      const { page, state } = await openMatrix();
      const box = await page.locator(".dr-plot-axes").first().boundingBox();
      if (box === null) throw new Error("no plot");
      await page.mouse.move(box.x + 200, box.y + 200);
      await page.mouse.wheel(0, -600);
      const view = () => keptView(page, state);
      const near = await view();
      expect(near.scaleX).toBeGreaterThan(10);
      await page.mouse.down();
      await page.mouse.move(box.x + 150, box.y + 150, { steps: 4 });
      await page.mouse.up();
      const moved = await view();
      expect(moved.col).toBeCloseTo(near.col + 50 / near.scaleX);
    });

    test("a tile that comes late, for a matrix no longer shown, is not drawn", async () => {
      const real = ofRun();
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const constant = (asked: Params<"matrixTile">): Tile => {
        const side = {
          cellRows: asked.rows[1] - asked.rows[0],
          cellCols: asked.cols[1] - asked.cols[0],
        };
        const values = new Float32Array(side.cellRows * side.cellCols).fill(1e9);
        const data = Buffer.from(values.buffer).toString("base64");
        const { rows, cols } = asked;
        return { shape: [64, 64], rows, cols, ...side, exact: true, format: "f32", data };
      };
      const answers: Answers<CancellationToken> = {
        async answer(method, params, token) {
          if (method === "matrixTile" && (params as Params<"matrixTile">).layer === 1) {
            await held;
            return constant(params as Params<"matrixTile">) as never;
          }
          return real.answer(method, params, token);
        },
      };
      const at = { layer: 1, role: "q" } as const;
      const { page } = await open("matrix", answers, { at, source: { job } });
      await page.locator(".dr-raster canvas").first().waitFor();
      await page.getByRole("button", { name: "Next layer" }).click();
      await page.getByRole("heading", { name: "Layer 2 · q" }).waitFor();
      await quiet(page);
      const colours = () =>
        page
          .locator(".dr-raster canvas")
          .first()
          .evaluate((canvas) => (canvas instanceof HTMLCanvasElement ? canvas.toDataURL() : ""));
      const before = await colours();
      release();
      await quiet(page);
      expect(await colours()).toBe(before);
    });

    test("zoomed in, the cells hold their exact values", async () => {
      const { page, acts } = await openMatrix();
      for (let i = 0; i < 12; i++) await page.getByRole("button", { name: "Zoom in" }).click();
      await quiet(page);
      await page.getByRole("button", { name: "CSV" }).click();
      await expect.poll(() => acts.filter(({ type }) => type === "save").length).toBe(1);
      const saved = acts.find((act) => act.type === "save");
      const [head, ...lines] = (saved?.data ?? "").trim().split("\r\n");
      expect(head).toBe(
        "first row,last row,first column,last column,Importance before rotation,Importance after rotation,Mask and written weights",
      );
      const [row, , col, , before, after, written] = (lines[0] ?? "").split(",").map(Number);
      const exact = async (kind: MatrixTileKind): Promise<number> => {
        const answer = await ofRun().answer(
          "matrixTile",
          {
            layer: 1,
            role: "q",
            kind,
            rows: [row ?? 0, (row ?? 0) + 1],
            cols: [col ?? 0, (col ?? 0) + 1],
          },
          {
            isCancellationRequested: false,
            onCancellationRequested: () => ({ dispose: () => undefined }),
          },
        );
        return Buffer.from(answer.data, "base64").readFloatLE(0);
      };
      expect([before, after, written]).toEqual([
        await exact("before"),
        await exact("after"),
        await exact("written"),
      ]);
    });

    test("a picture is saved as PNG and as SVG", async () => {
      const { page, acts } = await openMatrix();
      await page.getByRole("button", { name: "SVG" }).click();
      await page.getByRole("button", { name: "PNG" }).click();
      await expect.poll(() => acts.filter(({ type }) => type === "save").length).toBe(2);
      const [svg, png] = acts.filter((act) => act.type === "save");
      expect(svg?.data).toMatch(/^<svg .*<image .*<\/svg>$/s);
      expect(
        Buffer.from(png?.data ?? "", "base64")
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    });

    test("another panel of the matrix opens to the side", async () => {
      const { page, acts } = await openMatrix();
      await page.getByRole("button", { name: "Open to the Side" }).click();
      const open = { type: "open", view: "matrix", at: { layer: 1, role: "q" }, aside: true };
      await expect.poll(() => acts.at(-1)).toEqual(open);
    });

    test("what came with the first message is not asked for again", async () => {
      const real = ofRun();
      const asked: MethodName[] = [];
      const answers: Answers<CancellationToken> = {
        answer(method, params, token) {
          asked.push(method);
          return real.answer(method, params, token);
        },
      };
      const at = { layer: 1, role: "q" } as const;
      const ahead = new AnswersAhead(real, new CancellationTokenSource().token);
      ahead.start({ method: "run", params: {} });
      ahead.start({ method: "matrix", params: at });
      await expect.poll(() => ahead.size).toBe(2);
      const { page } = await openMatrix({ ahead: ahead.take() }, answers);
      await page.getByRole("heading", { name: "Layer 1 · q" }).waitFor();
      expect(asked.filter((method) => method !== "matrixTile")).toEqual([]);
      // Once: another matrix is asked for, and the first one again.
      await page.getByRole("button", { name: "Next layer" }).click();
      await page.getByRole("heading", { name: "Layer 2 · q" }).waitFor();
      await page.getByRole("button", { name: "Layer before" }).click();
      await page.getByRole("heading", { name: "Layer 1 · q" }).waitFor();
      expect(asked.filter((method) => method !== "matrixTile")).toEqual(["matrix", "matrix"]);
    });

    test("a run that is gone says so", async () => {
      const { page } = await open("matrix", ofRun({ job: "20000101T000000000-0000" }));
      await page.getByRole("alert").waitFor();
      expect(await page.getByRole("alert").textContent()).toContain("jobs/no-such-job");
    });

    test("the report of an output folder shows the same, without the daemon's history", async () => {
      const { page } = await openMatrix({ source: { output } }, ofRun({ output }));
      expect(await page.locator(".dr-raster canvas").count()).toBe(3);
    });
  });

  describe("layer map", () => {
    const cell = (page: Page, id: string) => page.locator(`[data-cell="${id}"]`);

    test("arrows move, Enter shows the matrix below, another figure recolours", async () => {
      const { page, acts } = await open("layerMap", ofRun(), { source: { job } });
      await cell(page, "0/q").focus();
      for (const key of ["ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
      await page.getByRole("heading", { name: "Layer 1 · k" }).waitFor();
      expect(await page.locator(".dr-plots canvas").count()).toBe(3);
      // The keyboard stays in the map, and goes on from there.
      for (const key of ["ArrowDown", "Enter"]) await page.keyboard.press(key);
      await page.getByRole("heading", { name: "Layer 1 · v" }).waitFor();
      await page.getByRole("button", { name: "Open in Its Own Tab" }).click();
      await expect
        .poll(() => acts.at(-1))
        .toEqual({ type: "open", view: "matrix", at: { layer: 1, role: "v" } });
      const fill = () => cell(page, "3/o").locator("rect").getAttribute("fill");
      const before = await fill();
      await page.getByRole("combobox", { name: "Colour by" }).selectOption("Kept importance");
      expect(await fill()).not.toBe(before);
    });

    test("the matrix below is in view beside the map, is restored, and closed for good", async () => {
      const height = 700;
      const { page, state } = await open("layerMap", ofRun(), { source: { job }, height });
      await cell(page, "2/o").click();
      await page.locator(".dr-plots canvas").first().waitFor();
      await quiet(page);
      const edges = (of: string) =>
        page
          .locator(of)
          .first()
          .evaluate((element) => element.getBoundingClientRect().toJSON() as DOMRect);
      expect((await edges("svg[role=grid]")).top).toBeGreaterThanOrEqual(0);
      expect((await edges(".dr-plots canvas")).top).toBeLessThan(height);
      const kept = await state();
      const again = await open("layerMap", ofRun(), { source: { job }, state: kept });
      await again.page.getByRole("heading", { name: "Layer 2 · o" }).waitFor();
      await again.page.getByRole("button", { name: "Close the matrix" }).click();
      expect(await again.page.locator(".dr-plots").isVisible()).toBe(false);
      // The keyboard is back where it came from.
      expect(await cell(again.page, "2/o").evaluate((e) => e === document.activeElement)).toBe(
        true,
      );
      expect(await again.state()).toMatchObject({ page: { open: false } });
    });

    test("a later choice wins over an answer that is still on its way", async () => {
      const real = ofRun();
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const answers: Answers<CancellationToken> = {
        async answer(method, params, token) {
          if (method === "matrix" && (params as Params<"matrix">).layer === 0) await held;
          return real.answer(method, params, token);
        },
      };
      const { page } = await open("layerMap", answers, { source: { job } });
      await cell(page, "0/q").click();
      await cell(page, "1/q").click();
      await page.getByRole("heading", { name: "Layer 1 · q" }).waitFor();
      release();
      await quiet(page);
      await page.getByRole("heading", { name: "Layer 1 · q" }).waitFor();
    });
  });

  describe("distribution", () => {
    test("the two charts follow the matrix that is chosen", async () => {
      const at = { layer: 0, role: "v" } as const;
      const { page } = await open("distribution", ofRun(), { at, source: { job } });
      await page.getByRole("heading", { name: "Layer 0 · v" }).waitFor();
      const sentence = () => page.locator(".panel-lead").textContent();
      const first = await sentence();
      await page.getByRole("radio", { name: "down" }).check();
      await page.getByRole("heading", { name: "Layer 0 · down" }).waitFor();
      await expect.poll(sentence).not.toBe(first);
      expect(await page.locator("svg[role=img]").count()).toBeGreaterThanOrEqual(2);
    });
  });

  describe("run", () => {
    test("a run under way is followed to its end, and can be cancelled by a button", async () => {
      const id = await pruneSample(client, path.join(folder, "live"), { steps: 30 });
      const source = { job: id };
      const panel = await open("run", ofRun(source), { source });
      const { page, acts } = panel;
      await page.locator(".run-badge").waitFor();
      follow(client, panel, id);
      await page.getByRole("button", { name: "Cancel" }).click();
      await expect.poll(() => acts.at(-1)).toEqual({ type: "command", command: "cancel" });
      await expect
        .poll(() => page.locator(".run-where").textContent())
        .toMatch(/^Layer [2-8] of 8/);
      await expect.poll(() => page.locator("svg[role=img]").count()).toBeGreaterThanOrEqual(3);
      await page.screenshot({ path: path.join(SCREENSHOTS, "panel-run-live.png"), fullPage: true });
      await client.reached(id, "done");
      await expect.poll(() => page.locator(".run-badge").textContent()).toBe("Done");
      expect(await page.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("100");
      await page.getByRole("button", { name: "Open Report" }).waitFor();
    });
  });

  describe("safetensors", () => {
    const file = () => path.join(output, "model.safetensors");
    const openTensors = (more: Partial<PanelOptions> = {}) =>
      open("safetensors", checkpointAnswers(requestsOf(client), file()), more);

    test("searching, and walking the tree by keyboard, leads to a tensor and its values", async () => {
      const { page } = await openTensors();
      await page.getByRole("searchbox").fill("layers.3 down");
      await expect.poll(() => page.locator(".tree-row").count()).toBeLessThan(6);
      await page.locator(".tree").focus();
      await page.keyboard.press("End");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "model.layers.3.mlp.down_proj.weight" }).waitFor();
      await page.locator(".details .dr-raster canvas").first().waitFor();
      const facts = page.locator(".details");
      expect(await facts.textContent()).toContain("2:4");
      expect(await page.locator(".tree-selected .tree-zeros").textContent()).toContain("50");
    });

    test("all zeros are counted on request", async () => {
      const { page } = await openTensors();
      await page.getByRole("button", { name: "Count Zeros of All" }).click();
      const whole = page.locator('.tree-row[aria-level="1"] .tree-zeros').last();
      await expect.poll(() => whole.textContent()).toMatch(/%$/);
    });

    test("a hundred thousand tensors are a few dozen elements", async () => {
      const tensors = Array.from({ length: 100_000 }, (_, i) => ({
        name: `model.layers.${Math.floor(i / 1000)}.experts.${i % 1000}.weight`,
        dtype: "BF16",
        shape: [4096, 1024],
        bytes: 2 ** 23,
        file: 0,
        offset: 0,
      }));
      const answers: Answers<CancellationToken> = {
        answer: () =>
          Promise.resolve({
            root: "/m",
            files: [{ path: "/m/a.safetensors", bytes: 1 }],
            tensors,
            metadata: {},
            modelType: null,
            notes: [],
          } as never),
      };
      const { page } = await open("safetensors", answers);
      await page.getByRole("searchbox").fill("weight");
      await expect
        .poll(() => page.locator(".panel-level").first().textContent())
        .toBe("100,000 found");
      expect(await page.locator(".tree-row").count()).toBeLessThan(80);
      await page.locator(".tree").focus();
      await page.keyboard.press("End");
      const last = page.locator(".tree-row").last();
      expect(await last.getAttribute("aria-level")).toBe("3");
    });

    test("what is no safetensors file is explained", async () => {
      const readme = fileURLToPath(new URL("../../media/sample/README.md", import.meta.url));
      expect(existsSync(readme)).toBe(true);
      const { page } = await open("safetensors", checkpointAnswers(requestsOf(client), readme));
      await page.getByRole("alert").waitFor();
      await page.getByRole("button", { name: "Try again" }).waitFor();
    });
  });

  for (const theme of THEMES) {
    test(`every page fits and is photographed: ${theme.name}`, async () => {
      const source = { job };
      for (const [view, width] of [
        ["run", 1280],
        ["run", 480],
        ["layerMap", 1280],
        ["layerMap", 480],
        ["matrix", 1280],
        ["matrix", 480],
        ["distribution", 1280],
        ["distribution", 480],
      ] as const) {
        const panel = await open(view, ofRun(), { theme, width, source });
        await panel.page.locator("svg").first().waitFor();
        if (view === "layerMap") {
          await panel.page.locator('[data-cell="1/down"]').click();
          await panel.page.locator(".dr-plots canvas").first().waitFor();
        }
        await shoot(panel.page, `${view}-${theme.name}-${width}`, width);
      }
      for (const width of [1280, 480]) {
        const tensor = "model.layers.1.mlp.down_proj.weight";
        const answers = checkpointAnswers(
          requestsOf(client),
          path.join(output, "model.safetensors"),
        );
        const panel = await open("safetensors", answers, { theme, width, tensor });
        await panel.page.locator(".details canvas").first().waitFor();
        await shoot(panel.page, `safetensors-${theme.name}-${width}`, width);
      }
    });
  }

  async function shoot(page: Page, name: string, width: number): Promise<void> {
    await quiet(page);
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth),
      name,
    ).toBeLessThanOrEqual(width);
    const unnamed = await page.evaluate(() =>
      [
        ...document.querySelectorAll(
          "[role=img], [role=grid], [role=application], [role=tree], button, select, input",
        ),
      ]
        .filter((e) => {
          const name =
            e.getAttribute("aria-label") ?? e.closest("label, button")?.textContent ?? "";
          return name.trim() === "";
        })
        .map((e) => e.outerHTML.slice(0, 80)),
    );
    expect(unnamed, name).toEqual([]);
    await page.screenshot({ path: path.join(SCREENSHOTS, `panel-${name}.png`), fullPage: true });
  }
});

/** The view that the page keeps, once it has kept the newest. */
async function keptView(page: Page, state: Panel["state"]): Promise<Viewport> {
  // The page's own clock: whatever is to be kept after a shorter while has been by then.
  await page.evaluate(
    () =>
      new Promise((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 300))),
      ),
  );
  const { view } = ((await state()) as { page: { view: Viewport | null } }).page;
  if (view === null) throw new Error("the page keeps no view");
  return view;
}
