/**
 * Pictures of every view for the README, and to be looked at: see `scripts/screenshots.mjs`. `views` are of a run that
 * goes well, `states` of what else a person may find.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pictureStates } from "./statePictures.ts";
import { missing, root, THEMES, Workbench, type Theme } from "./workbench.ts";

const why = missing();
if (why !== null) throw new Error(why);
const target = join(root, "media", "screenshots");
await mkdir(target, { recursive: true });
const wanted = process.argv.slice(2);
const want = (part: string) => wanted.length === 0 || wanted.includes(part);
if (want("states")) await pictureStates(each);
if (want("views")) await pictureViews();

async function pictureViews(): Promise<void> {
  const workbench = await Workbench.start({ size: { width: 1280, height: 800 } });
  try {
    const sample = await workbench.put("tiny-llama", join(root, "media", "sample"));
    const recipe = {
      checkpoint: "./tiny-llama",
      out: "./tiny-llama-2-4",
      method: "sparsegpt",
      sparsity: "2:4",
      rotation: "layer",
      steps: 100,
      samples: 32,
      evaluation: { text: "./tiny-llama/evaluation.txt", maxWindows: 16 },
    };
    const file = join(workbench.workspace, "tiny-llama.denoise.json");
    await writeFile(file, `${JSON.stringify(recipe, null, 2)}\n`);
    const page = await workbench.open();

    await workbench.waitForMenu(workbench.item("tiny-llama"), "Prune with DenoiseRotator");
    await workbench.item("tiny-llama.denoise.json").dblclick();
    await page.getByText("Dry run", { exact: true }).first().waitFor();
    await each(workbench, "recipe");

    await workbench.showContainer("DenoiseRotator");
    await page.getByText("Prune", { exact: true }).first().click();
    await workbench.frameWith(".panel-header");
    await workbench.command("View: Close Other Editors in Group").catch(() => undefined);
    await workbench.item(/^Layer 1,/).waitFor({ timeout: 300_000 });
    await each(workbench, "run-live");
    await workbench.item(/tiny-llama · sparsegpt 2:4, Done/).waitFor({ timeout: 600_000 });
    await page.waitForTimeout(1000);
    await workbench.command("Notifications: Clear All Notifications");
    await each(workbench, "run");

    const views: readonly (readonly [name: string, open: () => Promise<void>])[] = [
      [
        "layer-map",
        async () => {
          await workbench.command("DenoiseRotator: Open Heatmaps");
          const frame = await workbench.frameWith('[data-cell="2/o"]');
          await frame.locator('[data-cell="2/o"]').click();
          await workbench.frameWith(".dr-plots canvas");
        },
      ],
      [
        "matrix",
        async () => {
          await workbench.closeEditors();
          await workbench.expand(workbench.item(/tiny-llama · sparsegpt 2:4, Done/));
          await workbench.item(/^Layer 2,/).click();
          await workbench.frameWith(".dr-plots canvas");
          // Room for three pictures in a row.
          await workbench.command("View: Toggle Primary Side Bar Visibility");
          const frame = await workbench.frameWith(".dr-plots canvas");
          await frame.locator(".dr-plots").focus();
          for (let n = 0; n < 3; n++) await frame.locator(".dr-plots").press("Shift+ArrowRight");
          await frame.locator(".panel-header").scrollIntoViewIfNeeded();
        },
      ],
      [
        "matrix-weights",
        async () => {
          const frame = await workbench.frameWith(".dr-plots canvas");
          for (let n = 0; n < 6; n++) await frame.locator(".dr-plots").press("+");
        },
      ],
      [
        "distribution",
        async () => {
          const frame = await workbench.frameWith(".dr-plots canvas");
          await frame.locator(".panel-link", { hasText: "Distribution" }).click();
        },
      ],
      [
        "inspector",
        async () => {
          await workbench.showContainer("Explorer");
          await workbench.chooseInMenu(workbench.item("tiny-llama-2-4"), "Inspect Layers");
          const frame = await workbench.frameWith(".tree [role=treeitem]");
          await frame.locator("input").first().fill("layers.3 down");
          await frame.locator(".browser-head", { hasText: "1 found" }).waitFor();
          await frame.locator(".tree [role=treeitem]", { hasText: "down_proj" }).last().click();
          await frame.locator(".details-name", { hasText: "layers.3.mlp.down_proj" }).waitFor();
          await frame.locator(".details .dr-plots canvas").first().waitFor();
        },
      ],
      [
        "form",
        async () => {
          await workbench.showContainer("Explorer");
          await workbench.chooseInMenu(workbench.item("tiny-llama"), "Prune with DenoiseRotator");
          await (await workbench.frameWith(".form")).locator(".form-figures").waitFor();
        },
      ],
      [
        "welcome",
        async () => {
          await workbench.command("View: Toggle Primary Side Bar Visibility");
          await workbench.command("Welcome: Open Walkthrough...");
          await workbench.pick("Make a language model sparse");
          await page.getByText("See what the rotation did").first().click();
          // Only the walkthrough has it: another page by the name of Welcome would be a wrong picture.
          await page.getByRole("button", { name: "Open Heatmaps" }).waitFor();
        },
      ],
    ];
    const failed: string[] = [];
    for (const [name, open] of views) {
      try {
        if (name !== "matrix-weights" && name !== "distribution") await workbench.closeEditors();
        await open();
        await page.waitForTimeout(2500);
        await each(workbench, name);
      } catch (error) {
        failed.push(`${name}: ${String(error)}`);
        await workbench.screenshot(join(root, "out", `failed-${name}.png`));
        await page.keyboard.press("Escape");
      }
    }
    if (failed.length > 0) {
      throw new Error(`Not every view could be shown; see out/failed-*.png.\n${failed.join("\n")}`);
    }
    console.log(`Pictures are in ${target}; the run was in ${sample}.`);
  } finally {
    await workbench.close();
  }
}

/** One picture in each theme, with the pointer where it lifts nothing and no tooltip lies over the view. */
async function each(workbench: Workbench, name: string): Promise<void> {
  await workbench.page.mouse.move(560, 784);
  for (const theme of Object.keys(THEMES) as Theme[]) {
    await workbench.setTheme(theme);
    await workbench.screenshot(join(target, `${name}-${theme}.png`));
  }
}
