/** Starting a pruning: from the form, or from a recipe file. */
import { window } from "vscode";
import { PRUNE, type RecipeSource } from "../../daemon/protocol.ts";
import { showFailure } from "../commands.ts";
import { daemonErrorOf } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Panels } from "../panels/index.ts";
import type { Runs } from "../runs/index.ts";

/** @returns whether it was started; @throws DaemonError */
export async function startPruning(
  { client, runs: store }: Host,
  panels: Panels,
  runs: Runs,
  source: RecipeSource,
): Promise<boolean> {
  let job;
  try {
    job = await client.request(PRUNE, source);
  } catch (thrown) {
    const error = daemonErrorOf(thrown);
    if (error.code !== "pipeline/unfinished-run") throw error;
    const answer = await window.showWarningMessage(
      "An unfinished run for this output folder is there.",
      { modal: true, detail: "Its finished layers can be used where the options are the same." },
      "Continue It",
    );
    if (answer === undefined) return false;
    job = await client.request(PRUNE, { ...source, resume: true });
  }
  runs.await(job.id);
  // The page of a run shows what the store knows of it.
  if (!store.get(job.id)) await known(store, job.id);
  // The run goes on, whether its page can be shown or not.
  await panels.openRun(job.id).catch(showFailure);
  return true;
}

/** The notification of a new job and the answer that names it may come in either order. */
const known = (store: Host["runs"], id: string): Promise<void> =>
  new Promise((resolve) => {
    const listener = store.onChange(() => {
      if (!store.get(id)) return;
      listener.dispose();
      resolve();
    });
  });
