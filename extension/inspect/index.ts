/** Looking at checkpoints and at the machine: the commands that start no pruning. */
import { commands, EventEmitter, Uri, ViewColumn, window } from "vscode";
import type { Disposable } from "../disposable.ts";
import { READ_RECIPE } from "../../daemon/protocol.ts";
import { ROLES } from "../../daemon/vocabulary.ts";
import { folderOf, weightsOf } from "../checkpointFiles.ts";
import { register, registerRunning } from "../commands.ts";
import type { Host } from "../host.ts";
import { SAFETENSORS_VIEW, type Panels } from "../panels/index.ts";
import { idOf, runOf, type Runs } from "../runs/index.ts";
import { watchCheckpointFolders } from "./checkpointFolders.ts";
import { checkpointOf, chooseCheckpoint } from "./target.ts";

export { checkpointOf, chooseCheckpoint, recipeInEditor } from "./target.ts";

export function registerInspect(host: Host, panels: Panels, runs: Runs): Disposable[] {
  const copied = new EventEmitter<void>();
  return [
    copied,
    ...watchCheckpointFolders(host.runs, copied.event),
    register("inspect", async (argument) => {
      const path = await checkpointOf(argument, chooseCheckpoint);
      if (path !== undefined) await inspect(path);
    }),
    registerRunning("evaluate", async (argument) => {
      const path = await checkpointOf(argument, chooseCheckpoint);
      if (path === undefined) return;
      const { evaluate } = await import("./evaluate.ts");
      await evaluate(host, runs, panels, path);
    }),
    register("openSample", async () => {
      const { openSample } = await import("./sample.ts");
      await openSample(host.context.extensionUri, () => {
        copied.fire();
      });
    }),
    register("showDevices", async () => {
      const { showDevices } = await import("./devices.ts");
      await showDevices(host);
    }),
    register("openHeatmaps", (argument) => openHeatmaps(host, panels, argument)),
    register("openMatrix", async (argument) => {
      if (isMatrix(argument)) await panels.openMatrix(argument);
    }),
  ];
}

async function inspect(path: string): Promise<void> {
  const weights = await weightsOf(path);
  if (weights === undefined) {
    void window.showWarningMessage(`${folderOf(path)} holds no .safetensors file to inspect.`);
    return;
  }
  await commands.executeCommand("vscode.openWith", Uri.file(weights), SAFETENSORS_VIEW, {
    viewColumn: ViewColumn.Active,
  });
}

/** Of a run where one is meant, else of the newest run of this checkpoint or recipe, else of the checkpoint itself. */
async function openHeatmaps(host: Host, panels: Panels, argument: unknown): Promise<void> {
  if (argument === undefined || idOf(argument) !== null) {
    const job = await runOf(host, argument, ({ request }) => request.kind === "prune", NO_RUN);
    if (job) await panels.openLayerMap({ job: job.id });
    return;
  }
  const path = await checkpointOf(argument, chooseCheckpoint);
  if (path === undefined) return;
  await host.client.start();
  const folder = path.endsWith(".denoise.json")
    ? await recipeOf(host, path)
    : { checkpoint: folderOf(path), out: folderOf(path) };
  const job = host.runs.all().find(({ request }) => {
    if (request.kind !== "prune") return false;
    const { out, checkpoint } = request.recipe;
    return out === folder.out || folderOf(checkpoint) === folder.checkpoint;
  });
  if (job) await panels.openLayerMap({ job: job.id });
  else await panels.openLayerMap({ checkpoint: folder.checkpoint });
}

const NO_RUN = "No checkpoint has been pruned yet.";

async function recipeOf(
  { client }: Host,
  file: string,
): Promise<{ checkpoint: string; out: string }> {
  const { recipe } = await client.request(READ_RECIPE, { file });
  return { checkpoint: folderOf(recipe.checkpoint), out: recipe.out };
}

type Matrix = Parameters<Panels["openMatrix"]>[0];

function isMatrix(value: unknown): value is Matrix {
  if (typeof value !== "object" || value === null) return false;
  if ("checkpoint" in value && "tensor" in value) {
    return typeof value.checkpoint === "string" && typeof value.tensor === "string";
  }
  return (
    "job" in value &&
    typeof value.job === "string" &&
    "layer" in value &&
    typeof value.layer === "number" &&
    "role" in value &&
    ROLES.some((role) => role === value.role)
  );
}
