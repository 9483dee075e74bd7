/** What a person finds who comes back to runs: none yet, cancelled, failed, interrupted; and how they go on. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobInfo } from "../../daemon/protocol.ts";
import { endProcess, workerOf } from "../daemon/harness.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { Onlooker, openForm, start } from "./person.ts";
import { endWith } from "./endings.ts";
import { missing, root, Workbench } from "./workbench.ts";

const why = missing();
if (why !== null) console.log(`Skipped, runs that did not end well: ${why}`);

let workbench: Workbench;
let daemon: Onlooker;

const showRuns = () => workbench.showContainer("DenoiseRotator");
const begun = (job: JobInfo) => job.state === "running" && (job.progress?.layer ?? -1) >= 1;
const nan = (values: Float32Array) => values.map((value, i) => (i === 3 ? NaN : value));

describe.skipIf(why !== null)("coming back to runs", () => {
  beforeAll(async () => {
    workbench = await Workbench.start();
    await workbench.put("sample", join(root, "media", "sample"));
    const poisoned = join(workbench.workspace, "poisoned");
    await mkdir(poisoned);
    await writeTinyModel(poisoned, { replace: { "model.layers.1.mlp.up_proj.weight": nan } });
    await writeTinyText(join(poisoned, "model", "calibration.txt"));
    daemon = new Onlooker(workbench);
    await workbench.open();
  }, 120_000);

  endWith(() => workbench);
  afterAll(() => {
    daemon.close();
  });

  test("without any, the Runs view says what to do", async () => {
    await showRuns();
    const view = workbench.page.locator(".pane-body .welcome-view");
    await view.getByText("No runs yet.").waitFor();
    await view.getByRole("button", { name: "Open Sample Checkpoint" }).waitFor();
    await view.getByRole("button", { name: "Choose a Checkpoint" }).click();
    await workbench.pick("sample");
    await workbench.frameWith(".form");
    await workbench.closeEditors();
  }, 60_000);

  test("pruned again into the folder of a cancelled run: Continue It goes on with its layers", async () => {
    await start(await openForm(workbench, "sample"), 100);
    const { id } = await daemon.job(begun);
    await workbench.command("DenoiseRotator: Cancel Run");
    const cancelled = await daemon.job((one) => one.id === id && one.state === "cancelled");
    await workbench.closeEditors();
    await start(await openForm(workbench, "sample"), 100);
    const dialog = workbench.page.getByRole("dialog");
    await dialog.getByText("An unfinished run for this output folder is there").waitFor();
    await dialog.getByRole("button", { name: "Continue It" }).click();
    const next = await daemon.job((one) => one.id !== id);
    expect(next.request).toEqual(cancelled.request);
    const done = await daemon.job((one) => one.id === next.id && one.state === "done", 240);
    expect(done.result).toMatchObject({ kind: "prune", sparsity: 0.5 });
    await showRuns();
    await workbench.item(/sample · sparsegpt 2:4, Done/).waitFor();
    await workbench.closeEditors();
  }, 360_000);

  test("a run whose worker was killed is told of, with its log, and resumed from there", async () => {
    const form = await openForm(workbench, "sample");
    await form.getByRole("radio", { name: /^Wanda/ }).check();
    await start(form, 40);
    const wanda = ({ title }: JobInfo) => title.includes("wanda");
    const { id } = await daemon.job((one) => wanda(one) && begun(one));
    await endProcess(await workerOf(workbench.home, id), "SIGKILL");
    const told = await workbench.notification(/sample · wanda 2:4 failed/);
    await told.getByRole("button", { name: "Show Log" }).waitFor();
    await told.getByRole("button", { name: "Resume" }).click();
    const done = await daemon.job((one) => wanda(one) && one.state === "done", 240);
    expect(done).toMatchObject({ id, attempt: 2 });
    await workbench.closeEditors();
  }, 360_000);

  test("a run that went down with the daemon is interrupted, and one click resumes it", async () => {
    const form = await openForm(workbench, "sample");
    await form.getByRole("radio", { name: /^Magnitude/ }).check();
    await start(form, 100);
    const magnitude = ({ title }: JobInfo) => title.includes("magnitude");
    await daemon.job((one) => magnitude(one) && begun(one));
    await endProcess(await daemon.daemon(), "SIGKILL");
    // The window starts another one by itself.
    await showRuns();
    const item = workbench.item(/sample · magnitude 2:4, Interrupted/);
    await item.waitFor({ timeout: 60_000 });
    const told = await workbench.notification(/sample · magnitude 2:4 was interrupted/);
    await told.getByRole("button", { name: "Resume" }).waitFor();
    await workbench.page.keyboard.press("Escape");
    await item.hover();
    await item.getByRole("button", { name: "Resume Run" }).click();
    const done = await daemon.job((one) => magnitude(one) && one.state === "done", 240);
    expect(done.attempt).toBe(2);
    await workbench.closeEditors();
  }, 360_000);

  test("a run that fails says why in a notification, in the view and on its page", async () => {
    await workbench.command("DenoiseRotator: Prune with DenoiseRotator");
    await workbench.pick("poisoned");
    const form = await workbench.frameWith(".form");
    await form.locator(".form-figures").waitFor({ timeout: 60_000 });
    await form.getByRole("button", { name: "Start Pruning" }).click();
    const failed = await daemon.job(
      ({ title, state }) => title.startsWith("model") && state === "failed",
    );
    const reason = failed.error?.message ?? "";
    expect(reason).toMatch(/up_proj/);
    const told = await workbench.notification(/model · sparsegpt 2:4 failed: .*up_proj/);
    await told.getByRole("button", { name: "Show Log" }).click();
    await workbench.page.getByRole("tab", { name: /model · sparsegpt 2:4\.log/ }).waitFor();
    await showRuns();
    await workbench.item(/model · sparsegpt 2:4, Failed, .*up_proj/).click();
    const page = await workbench.frameWith(".panel-header");
    await page
      .getByText(/up_proj/)
      .first()
      .waitFor();
    await workbench.closeEditors();
  }, 180_000);
});
