/**
 * The product as a person uses it, in a real workbench with the real engine: from a right-click to heatmaps; windows
 * that are reloaded, runs that are cancelled and resumed, and a checkpoint that is broken.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobInfo } from "../../daemon/protocol.ts";
import { missing, root, Workbench } from "./workbench.ts";
import { Onlooker, openForm, start } from "./person.ts";
import { editorKept } from "./browserStorage.ts";
import { endWith } from "./endings.ts";

const why = missing();
if (why !== null) console.log(`Skipped, the workbench: ${why}`);

let workbench: Workbench;
let daemon: Onlooker;
const job: Onlooker["job"] = (test, seconds) => daemon.job(test, seconds);

interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray };
  };
}

const showRuns = () => workbench.showContainer("DenoiseRotator");

describe.skipIf(why !== null)("in the workbench", () => {
  beforeAll(async () => {
    workbench = await Workbench.start();
    await workbench.put("sample", join(root, "media", "sample"));
    await workbench.put("notes.txt", join(root, "LICENSE"));
    await mkdir(join(workbench.workspace, "broken"));
    const broken = (name: string, text: string) =>
      writeFile(join(workbench.workspace, "broken", name), text);
    await broken("config.json", '{ "model_type": "llama" }');
    await broken("model.safetensors", "this is no header");
    daemon = new Onlooker(workbench);
    await workbench.open();
  });

  endWith(() => workbench);
  afterAll(() => {
    daemon.close();
  });

  test("the menu offers pruning for a checkpoint folder, and not for a text", async () => {
    await workbench.waitForMenu(workbench.item("sample"), "Prune with DenoiseRotator");
    const entries = await workbench.menuOf(workbench.item("sample"));
    expect(entries).toEqual(
      expect.arrayContaining([
        "Prune with DenoiseRotator",
        "Inspect Layers",
        "Evaluate Perplexity",
      ]),
    );
    const others = await workbench.menuOf(workbench.item("notes.txt"));
    expect(others.filter((entry) => /Denoise|Inspect|Perplexity/.test(entry))).toEqual([]);
  });

  test("a broken checkpoint: the form says what is wrong, and does not start", async () => {
    const form = await openForm(workbench, "broken");
    await form
      .getByText(/model\.safetensors/)
      .filter({ visible: true })
      .last()
      .waitFor();
    const refused = form.locator(".form-refused");
    await refused.waitFor();
    expect(await refused.innerText()).toMatch(/broken/);
    expect(await form.getByRole("button", { name: "Start Pruning" }).isDisabled()).toBe(true);
    await workbench.closeEditors();
  });

  test("right-click, choose, start; the run goes on over a reload of the window, to its end", async () => {
    const form = await openForm(workbench, "sample");
    // Not over before the window has kept its page.
    await start(form, 200);
    const started = await job(({ state }) => state === "running");
    await workbench.frameWith(".panel-header");
    await editorKept(workbench.page, "denoise-rotator.run");
    await workbench.reload();
    await showRuns();
    // The page of the run comes back with the window.
    await workbench.frameWith(".panel-header");
    await workbench.item(/sample · sparsegpt 2:4/).waitFor();
    const running = await job(({ id }) => id === started.id);
    expect(running.attempt).toBe(1);
    await job(({ id, state }) => id === started.id && state === "done", 240);
    await workbench.item(/sample · sparsegpt 2:4, Done/).waitFor();
    // The one that was told of when it ended, although the window is another one now.
    await workbench.notification(/sample · sparsegpt 2:4 is done/);
    await workbench.page.keyboard.press("Escape");
  }, 360_000);

  test("the heatmap has structure, and the mask keeps exactly 2 of every 4", async () => {
    await showRuns();
    await workbench.expand(workbench.item(/sample · sparsegpt 2:4, Done/));
    await workbench.item(/^Layer 0,/).click();
    const page = await workbench.frameWith(".dr-plots canvas");
    // The number of different colours in each picture.
    const colours = () =>
      page.locator(".dr-plots canvas").evaluateAll((canvases) =>
        canvases.map((canvas) => {
          // Only what a page's script can see of it, in words that the compiler of tests without a DOM knows.
          const view = canvas as unknown as Canvas;
          const { data } = view.getContext("2d").getImageData(0, 0, view.width, view.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }),
      );
    await expect.poll(colours).toHaveLength(3);
    await expect.poll(async () => Math.min(...(await colours()).slice(0, 2))).toBeGreaterThan(20);

    const plots = page.locator(".dr-plots");
    await plots.focus();
    const readout = page.locator(".panel-readout");
    for (let n = 0; n < 12; n++) await plots.press("+");
    const place = async () => /row (\d+), column (\d+)/.exec(await readout.innerText()) ?? [];
    const kept = new Map<string, number>();
    for (let n = 0; n < 24; n++) {
      const [before = ""] = await place();
      await plots.press("Shift+ArrowRight");
      // It is told with the next frame.
      await expect.poll(async () => (await place())[0] ?? before).not.toBe(before);
      await readout.getByText(/^(kept|pruned), weight/).waitFor();
      const [, row = "", column = ""] = await place();
      const text = await readout.innerText();
      const group = `${row}/${Math.floor(Number(column) / 4)}`;
      const state = text.includes("kept") ? "k" : "p";
      kept.set(`${group}/${column}/${state}`, Number(column));
    }
    const groups = new Map<string, string[]>();
    for (const key of kept.keys()) {
      const [row, group, , state = ""] = key.split("/");
      const name = `${row ?? ""}/${group ?? ""}`;
      groups.set(name, [...(groups.get(name) ?? []), state]);
    }
    const whole = [...groups.values()].filter(({ length }) => length === 4);
    expect(whole.length).toBeGreaterThanOrEqual(4);
    for (const states of whole) expect(states.toSorted()).toEqual(["k", "k", "p", "p"]);
    await workbench.closeEditors();
  });

  test("a run is cancelled, and resumed to its end", async () => {
    const form = await openForm(workbench, "sample");
    await form.getByRole("radio", { name: /^Wanda/ }).check();
    // Not over before the palette has found the command.
    await start(form, 100);
    const wanda = ({ title }: JobInfo) => title.includes("wanda");
    await job((one) => wanda(one) && (one.progress?.layer ?? -1) >= 1);
    await workbench.command("DenoiseRotator: Cancel Run");
    const cancelled = await job((one) => wanda(one) && one.state === "cancelled");
    expect(cancelled.resumable).toBe(true);
    await showRuns();
    await workbench.item(/sample · wanda 2:4, Cancelled/).waitFor();
    await workbench.command("DenoiseRotator: Resume Run");
    const done = await job((one) => wanda(one) && one.state === "done", 240);
    expect(done.attempt).toBe(2);
    expect(done.result).toMatchObject({ kind: "prune", sparsity: 0.5 });
  }, 360_000);
});
