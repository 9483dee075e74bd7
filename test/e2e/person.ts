/** What a person does to prune in a workbench, and the daemon's jobs as they are seen from outside of it. */
import { join } from "node:path";
import type { FrameLocator } from "playwright-core";
import { findDaemon } from "../../daemon/connect.ts";
import type { JobInfo } from "../../daemon/protocol.ts";
import { Harness, type Client } from "../daemon/harness.ts";
import { root, type Workbench } from "./workbench.ts";

/** Opens the form of a checkpoint by the explorer's menu. */
export async function openForm(workbench: Workbench, name: string): Promise<FrameLocator> {
  await workbench.showContainer("Explorer");
  await workbench.chooseInMenu(workbench.item(name), "Prune with DenoiseRotator");
  return workbench.frameWith(".form");
}

/** Fills the form so that a run takes seconds, and starts it as soon as it is planned. */
export async function start(form: FrameLocator, steps: number): Promise<void> {
  await form.getByRole("radio", { name: /^Fast/ }).check();
  const more = form.locator("details.form-more");
  if ((await more.getAttribute("open")) === null) await form.getByText("More options").click();
  await form.getByRole("textbox", { name: "Steps of the rotation" }).fill(String(steps));
  await form.getByRole("textbox", { name: "Calibration windows" }).fill("16");
  await form.locator(".form-figures").waitFor({ timeout: 60_000 });
  await form.getByRole("button", { name: "Start Pruning" }).click();
}

/** The daemon that the extension has started. It may be another one later. */
export class Onlooker {
  readonly #harness = new Harness(join(root, "dist", "daemon.js"));
  #client: { readonly pid: number; readonly client: Client } | null = null;

  constructor(private readonly workbench: Workbench) {}

  /** @returns process id of the daemon */
  async daemon(): Promise<number> {
    const address = await findDaemon(this.workbench.home);
    if (!address) throw new Error("no daemon is there");
    return address.pid;
  }

  /** Until one is as `test` asks. */
  async job(test: (job: JobInfo) => boolean, seconds = 120): Promise<JobInfo> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const all = await this.#jobs();
      const found = all.find(test);
      if (found) return found;
      if (Date.now() > end) throw new Error(`no such job: ${JSON.stringify(all)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  close(): void {
    this.#client?.client.close();
  }

  async #jobs(): Promise<readonly JobInfo[]> {
    const address = await findDaemon(this.workbench.home);
    if (!address) return [];
    if (this.#client?.pid !== address.pid) {
      this.#client?.client.close();
      this.#client = { pid: address.pid, client: await this.#harness.client(address) };
    }
    return this.#client.client.attach();
  }
}
