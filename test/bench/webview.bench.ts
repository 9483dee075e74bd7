/**
 * The pages in a headless Chromium with a real daemon: from the click to the picture in a workbench, a page by itself,
 * frames while panning, and opening a checkpoint of 140 GB. Without a Chromium there is nothing to measure.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { CancellationToken } from "vscode-jsonrpc";
import { checkpointAnswers, runAnswers } from "../../extension/panels/answers.ts";
import type { Answers } from "../../extension/panels/session.ts";
import { Harness } from "../daemon/harness.ts";
import { launch } from "../webview/browser.ts";
import { clicksInWorkbench } from "../webview/workbenchClicks.ts";
import { openPanel, type Panel } from "../webview/panel.ts";
import { pruneSample, requestsOf } from "../webview/sampleRun.ts";
import { THEMES } from "../webview/themes.ts";
import { report, round, type Row } from "./report.ts";
import { sparseCheckpoint } from "./sparseCheckpoint.ts";

const launched = await launch();
if (launched.browser === undefined) {
  console.error(launched.reason);
  report("none", []);
  process.exit(0);
}
const { browser } = launched;
const folder = mkdtempSync(path.join(tmpdir(), "dr-bench-"));
const harness = new Harness(path.resolve("dist/daemon.js"));
const address = await harness.daemon(await harness.home());
const client = await harness.client(address);
await client.attach();
const rows: Row[] = [];
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Opens a page and gives the milliseconds until `there` holds in it. */
async function opened(
  view: string,
  answers: Answers<CancellationToken>,
  there: string,
  tensor?: string,
): Promise<{ panel: Panel; milliseconds: number }> {
  const [theme] = THEMES;
  const panel = await openPanel(browser, {
    view,
    answers,
    theme,
    ...(tensor === undefined ? {} : { tensor }),
  });
  // From the document's start, so that loading the script counts.
  const handle = await panel.page.waitForFunction(
    (selector) => {
      const element = document.querySelector(selector);
      return element === null ? null : performance.now();
    },
    there,
    { polling: "raf" },
  );
  return { panel, milliseconds: Number(await handle.jsonValue()) };
}

const job = await pruneSample(client, folder);
await client.reached(job, "done");
const answers = runAnswers(requestsOf(client), { job });

const paints: number[] = [];
for (let i = 0; i < 7; i++) {
  const { panel, milliseconds } = await opened("matrix", answers, ".dr-plots canvas");
  if (i > 0) paints.push(milliseconds);
  if (i === 6) rows.push(...(await panning(panel)));
  await panel[Symbol.asyncDispose]();
}
rows.unshift({
  what: "matrix view of the sample, from an empty document to the heatmaps (median of 6)",
  value: round(median(paints)),
  unit: "ms",
});

/** Frames while the view is dragged about, zoomed in so that tiles are on the way. */
async function panning({ page }: Panel): Promise<Row[]> {
  await page.locator(".dr-plots").focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("+");
  const times = page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const at: number[] = [];
        const tick = (now: number): void => {
          at.push(now);
          const plots = document.querySelector(".dr-plots");
          const key = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"][at.length % 4] ?? "";
          plots?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          if (at.length < 180) requestAnimationFrame(tick);
          else resolve(at.slice(1).map((now_, i) => now_ - (at[i] ?? 0)));
        };
        requestAnimationFrame(tick);
      }),
  );
  const frames = (await times).toSorted((a, b) => a - b);
  return [
    {
      what: "frames while panning three plots (180 frames): median interval",
      value: round(median(frames)),
      unit: "ms",
    },
    {
      what: "frames while panning three plots: 95th percentile",
      value: round(frames[Math.floor(frames.length * 0.95)] ?? NaN),
      unit: "ms",
    },
  ];
}

const residentBytes = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? NaN);
};

const big = await sparseCheckpoint(folder);
const opens: number[] = [];
for (let i = 0; i < 5; i++) {
  const of = checkpointAnswers(requestsOf(client), big.index);
  const { panel, milliseconds } = await opened("safetensors", of, ".tree-row");
  opens.push(milliseconds);
  await panel[Symbol.asyncDispose]();
}
rows.push({
  what: `safetensors editor on a ${Math.round(big.bytes / 1e9)} GB index, 30 shards, 80 layers: first opening`,
  value: round(opens[0] ?? NaN),
  unit: "ms",
});
rows.push({
  what: "the same, median of the next 4",
  value: round(median(opens.slice(1))),
  unit: "ms",
});
if (process.platform === "linux") {
  rows.push({
    what: "peak resident memory of the daemon after all of this",
    value: Math.round(residentBytes(address.pid) / 1e6),
    unit: "MB",
  });
}

// Before the others, which are the parts of it. The page and its daemon are done, so they take nothing from it.
rows.unshift(...(await clicksInWorkbench()));

report("headless Chromium, software rendering", rows);
await browser.close();
await harness.cleanUp();
await rm(folder, { recursive: true, force: true });
process.exit(0);
