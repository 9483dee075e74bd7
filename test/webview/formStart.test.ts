/** Start of the form, in a browser: when it can be pressed. */
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FormMessage, FormValues, HostMessage } from "../../webview/form/messages.ts";
import { launch } from "./browser.ts";

const launched = await launch();
const missing = launched.browser === undefined ? `, skipped: ${launched.reason}` : "";

const values: FormValues = {
  method: "magnitude",
  sparsity: "2:4",
  rotation: "none",
  objective: "pruned-mass",
  steps: 50,
  samples: 32,
  seqLen: null,
  sparsityProfile: "uniform",
  calibration: [],
  evaluation: [],
  out: null,
  device: "auto",
};
const estimate: HostMessage = {
  type: "estimate",
  estimate: {
    ...{ device: 1, host: 1, workDisk: 1, outputDisk: 1, freeDisk: 1, seconds: null },
    ...{ layers: 1, parameters: 1, modelType: "llama", notes: [], shortages: [] },
  },
};
const idle: HostMessage = { type: "idle" };

describe.runIf(missing === "")(`Start${missing}`, () => {
  let script = "";
  let page: Page;
  const starts: FormMessage[] = [];
  const tell = (...messages: readonly HostMessage[]) =>
    page.evaluate(async (all) => {
      for (const message of all) window.postMessage(message, "*");
      // Messages arrive in turn: behind all of them.
      await new Promise((resolve) => setTimeout(resolve));
    }, messages);
  const start = () => page.getByRole("button", { name: /^Start/ });

  beforeAll(async () => {
    const built = await build({
      entryPoints: ["webview/form/main.ts"],
      bundle: true,
      write: false,
      format: "iife",
      outdir: "out/unused",
      logLevel: "error",
    });
    script = built.outputFiles.find(({ path }) => path.endsWith(".js"))?.text ?? "";
    if (launched.browser === undefined) return;
    page = await launched.browser.newPage();
    await page.exposeFunction("told", (message: FormMessage) => {
      if (message.type === "start") starts.push(message);
    });
  });
  afterAll(() => launched.browser?.close());

  beforeEach(async () => {
    starts.length = 0;
    await page.setContent("<main></main>");
    await page.addScriptTag({
      content: "acquireVsCodeApi = () => ({ postMessage: told, setState: () => undefined });",
    });
    await page.addScriptTag({ content: script });
    await tell({ type: "show", checkpoint: "/model", values, foundCalibration: null });
    expect(await start().isDisabled()).toBe(true);
    await tell(estimate);
    await start().click();
    expect(await start().isDisabled()).toBe(true);
    await expect.poll(() => starts).toHaveLength(1);
  });

  test("again after a dialog that was dismissed", async () => {
    await tell(idle);
    await start().click();
    await expect.poll(() => starts).toHaveLength(2);
  });

  test("again after a failure, which stays to be read", async () => {
    const trouble = { message: "The daemon went away.", field: null };
    await tell({ type: "trouble", trouble }, idle);
    expect(await page.getByText(trouble.message).isVisible()).toBe(true);
    await start().click();
    await expect.poll(() => starts).toHaveLength(2);
  });

  test("by Enter and no other key once it is planned: the form opens with the keyboard in it", async () => {
    await tell({ type: "show", checkpoint: "/model", values, foundCalibration: null }, idle);
    const chosen = page.getByRole("radio", { name: /^Magnitude/ });
    expect(await chosen.evaluate((radio) => radio === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await expect.poll(() => starts).toHaveLength(2);
    await tell(idle);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    expect(starts).toHaveLength(2);
  });

  test("with the number of one of several GPUs, which the setting has named", async () => {
    const gpus: FormValues = { ...values, device: "cuda:0,1" };
    await tell({ type: "show", checkpoint: "/model", values: gpus, foundCalibration: null }, idle);
    const select = page.getByRole("combobox", { name: "Device" });
    expect(await select.locator("option:checked").innerText()).toBe("cuda:0,1: NVIDIA, GPUs 0,1");
    const devices = [{ device: "cuda" as const, available: false, detail: "no driver" }];
    await tell({ type: "devices", devices });
    expect(await select.locator("option:checked").innerText()).toMatch(/^cuda:0,1.*not available/);
    await tell(estimate);
    await start().click();
    await expect.poll(() => starts.at(-1)).toMatchObject({ values: { device: "cuda:0,1" } });
  });

  test("not while changed values are not planned", async () => {
    await page.getByRole("radio", { name: /^4:8/ }).check();
    await tell(idle);
    expect(await start().isDisabled()).toBe(true);
  });
});
