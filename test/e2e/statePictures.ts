/** Pictures of what a person finds when there is nothing yet, or something went wrong. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endProcess } from "../daemon/harness.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { Onlooker, openForm, start } from "./person.ts";
import { root, Workbench } from "./workbench.ts";

const nan = (values: Float32Array) => values.map((value, i) => (i === 3 ? NaN : value));

/** @param each takes the pictures of one state */
export async function pictureStates(
  each: (workbench: Workbench, name: string) => Promise<void>,
): Promise<void> {
  const workbench = await Workbench.start({ size: { width: 1280, height: 800 } });
  const daemon = new Onlooker(workbench);
  try {
    await prepare(workbench);
    const page = await workbench.open();
    await workbench.waitForMenu(workbench.item("tiny-llama"), "Prune with DenoiseRotator");

    await workbench.showContainer("DenoiseRotator");
    await page.getByText("No runs yet.").waitFor();
    await each(workbench, "runs-empty");

    await workbench.command("DenoiseRotator: Show Devices");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "wasm" }).last().waitFor();
    await page.waitForTimeout(500);
    await each(workbench, "devices");
    await page.keyboard.press("Escape");

    await workbench.showContainer("Explorer");
    await workbench.chooseInMenu(workbench.item("broken"), "Inspect Layers");
    await (await workbench.frameWith("[role=alert]")).locator("[role=alert]").first().waitFor();
    await each(workbench, "broken");
    await workbench.closeEditors();

    await workbench.command("DenoiseRotator: Prune with DenoiseRotator");
    await workbench.pick("poisoned");
    const form = await workbench.frameWith(".form");
    await form.locator(".form-figures").waitFor({ timeout: 60_000 });
    await form.getByRole("button", { name: "Start Pruning" }).click();
    await daemon.job(({ state }) => state === "failed");
    await workbench.showContainer("DenoiseRotator");
    await workbench.item(/poisoned · sparsegpt 2:4, Failed/).waitFor();
    await workbench.notification(/poisoned · sparsegpt 2:4 failed/);
    await page.waitForTimeout(500);
    await each(workbench, "failed");
    await workbench.command("Notifications: Clear All Notifications");
    await workbench.closeEditors();

    await start(await openForm(workbench, "tiny-llama"), 60);
    await daemon.job((job) => job.state === "running" && (job.progress?.layer ?? -1) >= 2);
    await endProcess(await daemon.daemon(), "SIGKILL");
    await workbench.showContainer("DenoiseRotator");
    const item = workbench.item(/tiny-llama · sparsegpt 2:4, Interrupted/);
    await item.waitFor({ timeout: 60_000 });
    await workbench.expand(item);
    await workbench.notification(/was interrupted/);
    await page.waitForTimeout(500);
    await each(workbench, "interrupted");
  } catch (error) {
    await workbench.screenshot(join(root, "out", "failed-state.png"));
    throw error;
  } finally {
    daemon.close();
    await workbench.close();
  }
}

async function prepare(workbench: Workbench): Promise<void> {
  const { workspace } = workbench;
  await workbench.put("tiny-llama", join(root, "media", "sample"));
  const broken = join(workspace, "broken");
  await mkdir(broken);
  await writeFile(join(broken, "config.json"), '{ "model_type": "llama" }');
  await writeFile(join(broken, "model.safetensors"), "this is no header");
  const weight = "model.layers.1.mlp.up_proj.weight";
  const model = await writeTinyModel(workspace, { replace: { [weight]: nan } });
  await writeTinyText(join(model, "calibration.txt"));
  await rename(model, join(workspace, "poisoned"));
}
