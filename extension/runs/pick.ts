/** Which run a command is about: from its argument, or asked for. */
import { window } from "vscode";
import type { JobInfo } from "../../daemon/protocol.ts";
import { JOB_STATE_NAMES } from "../../daemon/vocabulary.ts";
import type { Host } from "../host.ts";
import { standing } from "./words.ts";

/**
 * @param argument of a command: a node of the Runs view, or `{ job }` of a notification or page
 * @param suits runs the command can do something with
 * @returns undefined where there is none, which the person was told, or none was chosen
 */
export async function runOf(
  { runs, client }: Host,
  argument: unknown,
  suits: (job: JobInfo) => boolean,
  none: string,
): Promise<JobInfo | undefined> {
  await client.start();
  const id = idOf(argument);
  if (id !== null) {
    const job = runs.get(id);
    if (!job) void window.showInformationMessage("This run is not in the list of runs any more.");
    return job;
  }
  const candidates = runs.all().filter(suits);
  if (candidates.length === 0) {
    void window.showInformationMessage(none);
    return undefined;
  }
  if (candidates.length === 1) return candidates[0];
  const picked = await window.showQuickPick(
    candidates.map((job) => ({
      label: job.title,
      description: JOB_STATE_NAMES[job.state],
      detail: standing(job),
      job,
    })),
    { title: "Which run?", matchOnDetail: true },
  );
  return picked?.job;
}

export function idOf(argument: unknown): string | null {
  if (typeof argument !== "object" || argument === null) return null;
  if ("job" in argument && typeof argument.job === "string") return argument.job;
  if ("id" in argument && typeof argument.id === "string") return argument.id;
  return null;
}
