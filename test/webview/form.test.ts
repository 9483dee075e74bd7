/** The form's page: what cannot be taken is said, and nothing is started in its place. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EstimateView, FormValues, HostMessage } from "../../webview/form/messages.ts";
import { launch } from "./browser.ts";
import { buildPages } from "./built.ts";
import { openPanel, type Panel } from "./panel.ts";
import { THEMES } from "./themes.ts";

const launched = await launch();
const skipped = launched.browser === undefined ? `, skipped: ${launched.reason}` : "";

const values: FormValues = {
  ...{ method: "sparsegpt", sparsity: "2:4", rotation: "layer", objective: "pruned-mass" },
  ...{ steps: 200, samples: 128, seqLen: null, sparsityProfile: "uniform" },
  ...{ calibration: [], evaluation: [], out: null, device: "auto" },
};
const estimate: EstimateView = {
  ...{ device: 1e9, host: 1e9, workDisk: 1e9, outputDisk: 1e9, freeDisk: 1e12, seconds: 60 },
  ...{ layers: 2, parameters: 1e6, modelType: "llama", notes: [], shortages: [] },
};

describe.runIf(skipped === "")(`the form in Chromium${skipped}`, () => {
  let panel: Panel;
  let page: Page;
  beforeAll(async () => {
    buildPages();
    if (launched.browser === undefined) return;
    panel = await openPanel(launched.browser, {
      view: "form",
      answers: { answer: () => Promise.reject(new Error("a form asks nothing")) },
      theme: THEMES[0],
    });
    ({ page } = panel);
    await tell({ type: "show", checkpoint: "/m/model", values, foundCalibration: null });
    await tell({ type: "estimate", estimate });
    await page.getByText("More options").click();
  }, 120_000);
  afterAll(() => launched.browser?.close());

  const tell = (message: HostMessage) =>
    page.evaluate((data) => {
      window.postMessage(data, "*");
    }, message);
  const start = () => page.getByRole("button", { name: "Start Pruning" });
  const save = () => page.getByRole("button", { name: "Save as Recipe…" });

  test.each([
    ["Steps of the rotation", "1.5"],
    ["Steps of the rotation", ""],
    ["Calibration windows", "many"],
    ["Tokens in a window", "0"],
  ])(
    "%s “%s”: Start and Save wait until it is a number, and the form says why",
    async (name, text) => {
      await expect.poll(() => start().isEnabled()).toBe(true);
      const input = page.getByRole("textbox", { name });
      const before = await input.inputValue();
      await input.fill(text);
      await page
        .getByRole("alert")
        .filter({ hasText: `${name}: give a whole number` })
        .waitFor();
      expect([await start().isEnabled(), await save().isEnabled()]).toEqual([false, false]);
      // An estimate that was under way is of what was there before.
      await tell({ type: "estimate", estimate });
      expect(await start().isEnabled()).toBe(false);
      await input.fill(before === "" ? "" : "300");
      expect(await page.getByRole("alert").count()).toBe(0);
      await tell({ type: "estimate", estimate });
      await expect.poll(() => start().isEnabled()).toBe(true);
    },
  );

  test("what disk or memory is short of stands above the whole estimate, at its control, and keeps it from starting", async () => {
    const message =
      "The run needs 40 GB on the disk of /data, but only 28 GB are free: 12 GB too little.";
    await tell({ type: "estimate", estimate });
    await expect.poll(() => start().isEnabled()).toBe(true);
    const shortages = [{ message, field: "out" as const }];
    await tell({ type: "estimate", estimate: { ...estimate, shortages } });
    await expect.poll(() => start().isEnabled()).toBe(false);
    const panelText = await page.getByRole("region", { name: "Estimate" }).textContent();
    expect(panelText).toContain(message);
    expect(panelText).toContain("Device memory");
    expect(await page.locator(".form-trouble:visible").allTextContents()).toEqual([message]);
    expect(await save().isEnabled()).toBe(true);
    await tell({ type: "estimate", estimate });
    await expect.poll(() => start().isEnabled()).toBe(true);
  });
});
