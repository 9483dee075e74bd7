/** Starting, following and ending jobs. */
import type { Connection } from "vscode-languageserver";
import type { Socket } from "node:net";
import { cancelled, received, type JobWatcher } from "../jobs/index.ts";
import {
  ATTACH,
  CANCEL,
  DETAIL,
  EVALUATE,
  JOB_CHANGED,
  JOB_PROGRESS,
  JOB_REMOVED,
  JOB_UPDATES,
  LAYER,
  LOG,
  MATRIX,
  PRUNE,
  REMOVE,
  RESUME,
  type JobInfo,
  type JobProgress,
} from "../protocol/jobs.ts";
import { omit } from "../omit.ts";
import type { NotificationType } from "../protocol/message.ts";
import { readRecipe } from "../recipe/index.ts";
import type { Context } from "./context.ts";
import * as params from "./params.ts";
import { handle, type Call } from "./requests.ts";

/** A client that does not read: it is let go before what waits for it fills the memory, and may attach again. */
const MOST_WAITING_BYTES = 64 * 2 ** 20;

/** @returns ends the watching */
export function handleJobs(connection: Connection, socket: Socket, { jobs }: Context): () => void {
  let unwatch: (() => void) | null = null;
  const notify = <P>(type: NotificationType<P>, value: P) => {
    if (socket.writableLength > MOST_WAITING_BYTES) socket.destroy();
    else if (socket.writable) void connection.sendNotification(type.method, value);
  };
  const watcher: JobWatcher = {
    changed: (job) => {
      notify(JOB_CHANGED, { job });
    },
    removed: (id) => {
      notify(JOB_REMOVED, { id });
    },
    progress: (id, revision, progress) => {
      notify(JOB_PROGRESS, { id, revision, progress });
    },
    updates: (id, updates) => {
      notify(JOB_UPDATES, { id, updates });
    },
  };

  handle(connection, ATTACH, params.none, () => {
    unwatch ??= jobs.watch(watcher);
    return { jobs: jobs.list() };
  });

  const maybeWait = (job: JobInfo, wait: boolean | undefined, call: Call) =>
    wait ? waitFor(job, call) : job;
  handle(connection, PRUNE, params.prune, async ({ wait, resume, ...source }, call) => {
    const recipe = await readRecipe(source);
    return maybeWait(await jobs.start({ kind: "prune", recipe }, resume), wait, call);
  });
  handle(connection, EVALUATE, params.evaluate, async (asked, call) => {
    const evaluate = omit(asked, "wait", "workDoneToken");
    return maybeWait(await jobs.start({ kind: "evaluate", evaluate }), asked.wait, call);
  });
  handle(connection, RESUME, params.resume, ({ id, wait }, call) =>
    maybeWait(jobs.resume(id), wait, call),
  );
  handle(connection, CANCEL, params.job, ({ id }) => jobs.cancel(id));
  handle(connection, REMOVE, params.remove, async ({ id, deleteWork }) => {
    await jobs.remove(id, deleteWork ?? false);
    return {};
  });
  handle(connection, DETAIL, params.job, ({ id }) => jobs.detail(id));
  handle(connection, LAYER, params.layer, ({ id, layer }) => jobs.layer(id, layer));
  handle(connection, MATRIX, params.matrix, async ({ id, layer, role }) => {
    return (await jobs.layer(id, layer)).matrices[role];
  });
  handle(connection, LOG, params.job, async ({ id }) => ({ text: await jobs.log(id) }));

  /** @throws the job's error; jobs/cancelled */
  async function waitFor({ id, title }: JobInfo, { signal, progress }: Call): Promise<JobInfo> {
    const stop = () => void jobs.cancel(id).catch(() => undefined);
    const silent = { changed: () => undefined, removed: () => undefined, updates: () => undefined };
    const unwatchProgress = jobs.watch({
      ...silent,
      progress: (of, _, now) => {
        if (of === id) progress.report(Math.floor(now.fraction * 100), stageText(now));
      },
    });
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    progress.begin(title, 0, undefined, true);
    try {
      const job = await jobs.ended(id);
      if (job.state === "done") return job;
      throw job.error ? received({ ...job.error, text: job.error.message }) : cancelled();
    } finally {
      unwatchProgress();
      signal.removeEventListener("abort", stop);
      progress.done();
    }
  }

  return () => unwatch?.();
}

const stageText = ({ stage, layer, layers }: JobProgress): string =>
  layer === null ? stage : `layer ${layer + 1} of ${layers}: ${stage}`;
