/** Starting a pruning: from the form, or from a recipe file. */
import { window } from "vscode";
import { PRUNE, type RecipeSource } from "../../daemon/protocol.ts";
import { mayRun, showFailure } from "../commands.ts";
import { daemonErrorOf } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Panels } from "../panels/index.ts";
import type { Runs } from "../runs/index.ts";

/**
 * Every way to start one leads here, also from a form that was open when the window closed.
 *
 * @returns whether it was started; @throws DaemonError
 */
export async function startPruning(
  { client, runs: store }: Host,
  panels: Panels,
  runs: Runs,
  source: RecipeSource,
): Promise<boolean> {
  if (!mayRun()) return false;
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
  if (!store.get(job.id)) await known(client, store, job.id);
  // The run goes on, whether its page can be shown or not.
  await panels.openRun(job.id).catch(showFailure);
  return true;
}

/**
 * The notification of a new job and the answer that names it may come in either order. Where the connection drops in
 * between, the page learns of its run when there is a new one.
 */
const known = (client: Host["client"], store: Host["runs"], id: string): Promise<void> =>
  new Promise((resolve) => {
    const settle = () => {
      if (client.state === "ready" && !store.get(id)) return;
      for (const listener of listeners) listener.dispose();
      resolve();
    };
    const listeners = [store.onChange(settle), client.onState(settle)];
    settle();
  });
