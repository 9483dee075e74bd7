/** What ships, installed from its VSIX: the sample, a recipe, perplexity, devices. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import manifest from "../../package.json" with { type: "json" };
import { missing, root, Workbench } from "./workbench.ts";
import { endWith } from "./endings.ts";

const why = missing();
if (why !== null) console.log(`Skipped, the VSIX in a workbench: ${why}`);

const TARGET = `${process.platform}-${process.arch}`;
const SAMPLE = "denoise-rotator-sample";
let workbench: Workbench;

describe.skipIf(why !== null)("installed from its VSIX", () => {
  beforeAll(async () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["scripts/package.mjs", TARGET],
      { cwd: root, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`${stdout}${stderr}`);
    const vsix = join(root, "out/vsix", `denoise-rotator-${TARGET}-${manifest.version}.vsix`);
    workbench = await Workbench.start({
      vsix,
      settings: { "denoise-rotator.cudaFolder": "off" },
    });
    await workbench.open();
  });

  endWith(() => workbench);

  test("Open Sample Checkpoint copies it into the workspace", async () => {
    await workbench.command("DenoiseRotator: Open Sample Checkpoint");
    await workbench.pick("workspace");
    await workbench.notification(/The sample/);
    await workbench.command("Notifications: Clear All Notifications");
    expect(existsSync(join(workbench.workspace, SAMPLE, "model.safetensors"))).toBe(true);
  });

  test("Evaluate Perplexity finds what the command line finds", async () => {
    await workbench.showContainer("Explorer");
    await workbench.chooseInMenu(workbench.item(SAMPLE), "Evaluate Perplexity");
    await workbench.pick("evaluation.txt");
    await workbench.showContainer("DenoiseRotator");
    const run = workbench.item(/perplexity, Done, perplexity (\d+\.\d+)/);
    await run.waitFor({ timeout: 180_000 });
    const label = (await run.getAttribute("aria-label")) ?? "";
    const sample = join(root, "media", "sample");
    const text = join(sample, "evaluation.txt");
    const cli = [join(root, "dist", "cli.js"), "eval", sample, "--text", text, "--json"];
    const { stdout } = spawnSync(process.execPath, cli, { encoding: "utf8" });
    const { perplexity } = z.object({ perplexity: z.number() }).parse(JSON.parse(stdout));
    expect(/perplexity (\d+\.\d+)/.exec(label)?.[1]).toBe(perplexity.toPrecision(4));
  }, 240_000);

  test("Save as Recipe writes what the form says, with paths relative to the file", async () => {
    await workbench.showContainer("Explorer");
    await workbench.chooseInMenu(workbench.item(SAMPLE), "Prune with DenoiseRotator");
    const form = await workbench.frameWith(".form");
    await form.getByRole("radio", { name: /^Magnitude/ }).check();
    await form.getByRole("radio", { name: /^One for all/ }).check();
    await form.getByRole("button", { name: "Save as Recipe…" }).click();
    const name = `${SAMPLE}-2-4-magnitude.denoise.json`;
    const proposed = workbench.page.locator(".quick-input-widget input[type=text]");
    await expect.poll(() => proposed.inputValue()).toContain(name);
    await workbench.page.keyboard.press("Enter");
    await workbench.page.getByRole("tab", { name: new RegExp(name) }).waitFor();
    const recipe: unknown = JSON.parse(await readFile(join(workbench.workspace, name), "utf8"));
    expect(recipe).toMatchObject({
      checkpoint: `./${SAMPLE}`,
      out: `./${SAMPLE}-2-4-magnitude`,
      method: "magnitude",
      sparsity: "2:4",
      rotation: "global",
    });
    await workbench.page.getByText("Dry run", { exact: true }).first().click();
    const dialog = workbench.page.getByRole("dialog");
    await dialog.getByText(/weights become 0/).waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
  });

  test("Show Devices: what there is, what the settings say of CUDA, and another default", async () => {
    await workbench.command("DenoiseRotator: Show Devices");
    const row = (name: string) =>
      workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: name }).last();
    await row("wasm").waitFor();
    expect(await row("wasm").innerText()).not.toContain("not available");
    expect(await row("cuda").innerText()).toMatch(/not available[^]*switched off/);
    await row("wasm").click();
    // Of the machine, which is another one than the window's where it is remote.
    const written = async () => {
      const files = ["User", "Machine"].map((one) =>
        join(workbench.folder, "user", one, "settings.json"),
      );
      return (await Promise.all(files.map((file) => readFile(file, "utf8")))).join();
    };
    await expect.poll(written).toMatch(/"denoise-rotator\.device": ?"wasm"/);
  });

  test("what it says about itself is what package.json says", async () => {
    const installed = join(workbench.folder, "extensions", "extensions.json");
    const list = z
      .array(z.object({ identifier: z.object({ id: z.string() }), version: z.string() }))
      .parse(JSON.parse(await readFile(installed, "utf8")));
    expect(list).toEqual([
      expect.objectContaining({
        identifier: expect.objectContaining({
          id: `${manifest.publisher}.${manifest.name}`,
        }) as unknown,
        version: manifest.version,
      }),
    ]);
  });
});
