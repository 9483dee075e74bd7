/** A real daemon with a pruning of the bundled sample, for pages to look at. */
import { join, resolve } from "node:path";
import type { CancellationToken } from "vscode-jsonrpc";
import {
  DETAIL,
  JOB_CHANGED,
  JOB_PROGRESS,
  JOB_UPDATES,
  PRUNE,
  type JobInfo,
  type RecipeFile,
} from "../../daemon/protocol.ts";
import type { Requests } from "../../extension/panels/answers.ts";
import { daemonErrorOf } from "../../extension/errors.ts";
import { jobView, runUpdates } from "../../extension/panels/convert.ts";
import type { Client } from "../daemon/harness.ts";
import type { Panel } from "./panel.ts";

export const SAMPLE = resolve("media/sample");

/** The client as the panels know it. */
export function requestsOf(client: Client): Requests<CancellationToken> {
  return {
    async request(type, params, token) {
      try {
        return await client.ask(type, params, token);
      } catch (error) {
        throw daemonErrorOf(error);
      }
    },
  };
}

/** Queues a short pruning of the sample. @returns the job's id */
export async function pruneSample(
  client: Client,
  out: string,
  more: Partial<RecipeFile> = {},
): Promise<string> {
  const recipe: RecipeFile = {
    checkpoint: SAMPLE,
    out: join(out, "pruned"),
    method: "wanda",
    sparsity: "2:4",
    steps: 40,
    samples: 8,
    seqLen: 64,
    device: "wasm",
    ...more,
  };
  const { id } = await client.ask(PRUNE, { recipe });
  return id;
}

/** What the extension posts to the page of a job. */
export function follow(client: Client, panel: Panel, id: string): void {
  let last: JobInfo | null = null;
  const tell = (job: JobInfo): void => {
    last = job;
    void panel.post({ type: "job", job: jobView(job) });
  };
  client.on(JOB_CHANGED, ({ job }) => {
    if (job.id === id) tell(job);
  });
  client.on(JOB_PROGRESS, ({ id: of, revision, progress }) => {
    if (of === id && last !== null) tell({ ...last, revision, progress });
  });
  client.on(JOB_UPDATES, ({ id: of, updates }) => {
    if (of !== id) return;
    const told = runUpdates(updates);
    void panel.post(told === null ? { type: "stale" } : { type: "updates", updates: told });
  });
  void client.ask(DETAIL, { id }).then(({ job }) => {
    tell(job);
  });
}
