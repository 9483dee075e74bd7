/** Dry Run of a recipe file: what it would do and take, without doing it. */
import { basename } from "node:path";
import { ProgressLocation, window } from "vscode";
import { PLAN, type Plan, type RecipeSource } from "../../daemon/protocol.ts";
import type { Host } from "../host.ts";
import { bytes, duration } from "../runs/index.ts";

/** @returns whether the person wants it for real; @throws DaemonError */
export async function dryRun({ client }: Host, source: RecipeSource): Promise<boolean> {
  const plan = await window.withProgress(
    { location: ProgressLocation.Notification, title: "Planning …", cancellable: true },
    (_, token) => client.request(PLAN, source, token),
  );
  const time = plan.seconds === null ? "time unknown" : `about ${duration(plan.seconds)}`;
  const title = `${basename(plan.output)}: ${time}`;
  const more = { modal: true, detail: detailOf(plan) };
  if (plan.shortages.length > 0) {
    await window.showWarningMessage(title, more);
    return false;
  }
  return (await window.showInformationMessage(title, more, "Prune")) === "Prune";
}

function detailOf(plan: Plan): string {
  const { tensors } = plan;
  const count = (fate: string) => tensors.filter((tensor) => tensor.fate === fate).length;
  const zeros = tensors.reduce((sum, tensor) => sum + tensor.zeros, 0);
  return [
    `${plan.layers} layers, ${plan.parameters.toLocaleString("en")} parameters (${plan.modelType}).`,
    `${count("pruned")} matrices are pruned: ${zeros.toLocaleString("en")} weights become 0.`,
    "",
    `Device memory: ${bytes(plan.deviceMemory)}`,
    `RAM: ${bytes(plan.hostMemory)}`,
    `Disk: ${bytes(plan.workDisk)} while it runs, ${bytes(plan.outputDisk)} for the output; ${bytes(plan.freeDisk)} free`,
    "",
    ...plan.shortages.flatMap(({ message }) => [message, ""]),
    ...plan.notes,
  ].join("\n");
}
