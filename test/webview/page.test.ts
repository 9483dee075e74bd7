/**
 * The pages in a real browser: they draw, without errors and without the network, answer to the keyboard, and leave
 * screenshots to look at in out/screenshots.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { renderComparison, renderRunReport } from "../../daemon/pipeline/htmlReport.ts";
import { launch } from "./browser.ts";
import { buildReport } from "./built.ts";
import { comparisonReport, runReport } from "./fixture.ts";

const SCREENSHOTS = fileURLToPath(new URL("../../out/screenshots/", import.meta.url));

const launched = await launch();
const skipped = launched.browser === undefined ? `, skipped: ${launched.reason}` : "";
const folder = mkdtempSync(path.join(tmpdir(), "denoise-page-"));

/** Console messages, errors and requests of the pages of the current test. */
const noise: string[] = [];

afterEach(() => {
  expect(noise.splice(0)).toEqual([]);
});

afterAll(async () => {
  await launched.browser?.close();
  rmSync(folder, { recursive: true });
});

describe.runIf(launched.browser !== undefined)(`in Chromium${skipped}`, () => {
  buildReport();
  const run = write("run", renderRunReport(runReport()));
  const comparison = write("comparison", renderComparison(comparisonReport()));

  test("a run draws heatmaps that are not one colour", async () => {
    await using opened = await open(run);
    const { page } = opened;
    expect(await page.locator("canvas").count()).toBe(3);
    for (const canvas of await page.locator("canvas").all()) {
      const colours = await canvas.evaluate((element) => {
        if (!(element instanceof HTMLCanvasElement)) return 0;
        const context = element.getContext("2d");
        const { data } = context?.getImageData(0, 0, element.width, element.height) ?? { data: [] };
        return new Set(new Uint32Array(Uint8Array.from(data).buffer)).size;
      });
      expect(colours).toBeGreaterThanOrEqual(2);
    }
  });

  test("the mask's pixels keep exactly 2 of every 4 weights of a row", async () => {
    await using opened = await open(run);
    const kept = await opened.page
      .locator("canvas")
      .last()
      .evaluate((element) => {
        if (!(element instanceof HTMLCanvasElement)) return [];
        const { width, height } = element;
        const data = element.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
        const groups: number[] = [];
        for (let i = 0; i < width * height; i += 4) {
          // Kept is dark ink, pruned light paper.
          groups.push([0, 1, 2, 3].filter((j) => (data[(i + j) * 4] ?? 0) < 128).length);
        }
        return groups;
      });
    expect(kept.length).toBeGreaterThan(1000);
    expect(new Set(kept)).toEqual(new Set([2]));
  });

  test("the layer map is worked by keyboard: arrows move, Enter shows the matrix", async () => {
    await using opened = await open(run);
    const { page } = opened;
    const selected = page.locator('[role=gridcell][aria-selected="true"]');
    const name = page.locator(".page-matrix-name");
    await page.locator('[data-cell="0/q"]').click();
    expect(await name.textContent()).toBe("Layer 0 · q");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await name.textContent()).toBe("Layer 0 · q");
    await page.keyboard.press("Enter");
    expect(await name.textContent()).toBe("Layer 1 · k");
    expect(await selected.getAttribute("aria-label")).toMatch(/^layer 1, k: /);
    // The redrawn cell has the focus still.
    await page.keyboard.press("End");
    await page.keyboard.press(" ");
    expect(await name.textContent()).toBe("Layer 5 · k");
  });

  test("a focused panel reads out the cell under the arrow keys, in all panels", async () => {
    await using opened = await open(run);
    const { page } = opened;
    await page.locator(".dr-raster-axes").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Shift+ArrowRight");
    const readout = await page.locator(".page-matrix .dr-readout").first().textContent();
    expect(readout).toMatch(/^row 1, column 10before .* × 10.*after .*(kept|pruned)$/);
  });

  test("another figure recolours the map", async () => {
    await using opened = await open(run);
    const { page } = opened;
    const fill = () => page.locator('[data-cell="2/up"] rect').getAttribute("fill");
    const before = await fill();
    await page.getByRole("radio", { name: "Pruned mass after" }).check();
    expect(await fill()).not.toBe(before);
  });

  test("the entropy stands beside the loss, and pointing at one reads out both", async () => {
    await using opened = await open(run);
    const learning = opened.page.locator(".dr-phases");
    const plots = learning.locator("svg");
    expect(await plots.count()).toBe(2);
    expect(await plots.first().getAttribute("aria-label")).toMatch(
      /^Loss: pruned mass, .*step 1 .*step 200$/,
    );
    expect(await plots.last().getAttribute("aria-label")).toMatch(
      /^Entropy, nats, by step: .*step 1 .*step 200$/,
    );
    const readout = learning.locator("+ .dr-readout");
    expect(await readout.textContent()).toMatch(/pruned-mass .* → .*entropy .* → /);
    await plots.first().hover();
    expect(await readout.textContent()).toMatch(
      /step \d+pruned mass, summed over rows: [\d.,]+entropy, nats: [\d.,]+( at step \d*1)?$/,
    );
    expect(await learning.locator("circle[visibility=visible]").count()).toBe(2);
  });

  test("the table sorts by a column, and back", async () => {
    await using opened = await open(run);
    const { page } = opened;
    const table = page.getByRole("region", { name: "Every pruned matrix" });
    const sizes = async () =>
      (await table.locator("tbody td:nth-child(5)").allTextContents()).map((t) =>
        Number(t.replace(",", "")),
      );
    await table.getByRole("button", { name: "zeros" }).click();
    const rising = await sizes();
    expect(rising).toEqual([...rising].sort((a, b) => a - b));
    await table.getByRole("button", { name: "zeros" }).click();
    expect((await sizes())[0]).toBe(rising.at(-1));
  });

  test("the comparison shows the run that is chosen", async () => {
    await using opened = await open(comparison);
    const { page } = opened;
    expect(await page.locator("table").first().locator("tbody tr").count()).toBe(6);
    await page.getByRole("radio", { name: "Wanda 2:4" }).check();
    const facts = page.locator(".page-facts-compact");
    expect(await facts.textContent()).toContain("Wanda");
    await page.getByRole("radio", { name: /^Magnitude 50/ }).check();
    expect(await facts.textContent()).toContain("Magnitude");
  });

  test("every image has words, every control a name", async () => {
    await using opened = await open(run);
    const unnamed = await opened.page.evaluate(() =>
      [...document.querySelectorAll("[role=img], [role=grid], [role=region], button, select")]
        .filter(
          (e) =>
            (e.getAttribute("aria-label") ?? e.closest("label, button")?.textContent ?? "") === "",
        )
        .map((e) => e.outerHTML.slice(0, 80)),
    );
    expect(unnamed).toEqual([]);
  });

  test("a run that was not rotated or evaluated says so", async () => {
    const file = write(
      "unrotated",
      renderRunReport(runReport({ layers: 1, rotation: { kind: "none" }, perplexity: [] })),
    );
    await using opened = await open(file);
    const text = await opened.page.locator("main").textContent();
    expect(text).toContain("Not measured");
    expect(text).toContain("Not rotated: nothing was learned");
    expect(await opened.page.locator("canvas").count()).toBe(2);
  });

  test("damaged data is explained, not half drawn", async () => {
    const html = renderRunReport(runReport({ layers: 1 }));
    const file = write("damaged", html.replace('"modelType":"llama"', '"modelType":7'));
    await using opened = await open(file);
    const text = await opened.page.locator("main").textContent();
    expect(text).toContain("cannot be shown");
    expect(text).toContain("report.source.modelType");
  });

  const modes: readonly (readonly [string, BrowserContextOptions])[] = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["high-contrast", { colorScheme: "dark", forcedColors: "active" }],
  ];
  for (const [mode, options] of modes) {
    for (const width of [1280, 480]) {
      test(`${mode} at ${width} px fits and is photographed`, async () => {
        mkdirSync(SCREENSHOTS, { recursive: true });
        for (const [name, url] of [
          ["run", run],
          ["comparison", comparison],
        ] as const) {
          await using opened = await open(url, { ...options, viewport: { width, height: 900 } });
          const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth);
          expect(wide).toBeLessThanOrEqual(width);
          const file = path.join(SCREENSHOTS, `${name}-${mode}-${width}.png`);
          await opened.page.screenshot({ path: file, fullPage: true });
        }
      });
    }
  }
});

function write(name: string, html: string): string {
  const file = path.join(folder, `${name}.html`);
  writeFileSync(file, html);
  return pathToFileURL(file).href;
}

/** Opens a page; whatever it logs and whatever it asks for beyond itself is noise. */
async function open(
  url: string,
  options: BrowserContextOptions = {},
): Promise<AsyncDisposable & { readonly page: Page }> {
  const { browser } = launched;
  if (browser === undefined) throw new Error(skipped);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => noise.push(message.text()));
  page.on("pageerror", (error) => noise.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== url) noise.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return {
    page,
    [Symbol.asyncDispose]: () => context.close(),
  };
}
