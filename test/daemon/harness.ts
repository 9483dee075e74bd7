/** Real daemons in temporary state folders, and real clients on their sockets. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
  type CancellationToken,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { ensureDaemon, openSocket, type DaemonAddress } from "../../daemon/connect.ts";
import { highestSeat } from "../../daemon/instance/index.ts";
import {
  ATTACH,
  JOB_CHANGED,
  JOB_UPDATES,
  send,
  type JobInfo,
  type JobState,
  type JobUpdate,
  type NotificationType,
  type RecipeFile,
  type RequestType,
} from "../../daemon/protocol.ts";
import { processState } from "../../daemon/processState.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";

export interface Client {
  readonly connection: MessageConnection;
  readonly closed: Promise<void>;
  ask<P, R>(type: RequestType<P, R>, params: P, token?: CancellationToken): Promise<R>;
  on<P>(type: NotificationType<P>, handler: (params: P) => void): void;
  /** Attaches, once. */
  attach(): Promise<readonly JobInfo[]>;
  /** The job as soon as it is in this state. Needs {@link attach}. */
  reached(id: string, state: JobState): Promise<JobInfo>;
  /** The next update for which `test` holds. Needs {@link attach}. */
  told(id: string, test: (update: JobUpdate) => boolean): Promise<JobUpdate>;
  close(): void;
}

export class Harness {
  readonly #homes: string[] = [];
  readonly #clients: Client[] = [];

  constructor(private readonly entry: string) {}

  async home(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "dr-home-"));
    this.#homes.push(folder);
    return folder;
  }

  daemon(
    home: string,
    more: { version?: string; entry?: string; idleSeconds?: number } = {},
  ): Promise<DaemonAddress> {
    return ensureDaemon({
      entry: this.entry,
      node: process.execPath,
      home,
      // Should a test die before its clean-up, its daemon does not stay.
      idleSeconds: 60,
      ...more,
    });
  }

  async client(address: DaemonAddress, params: object = {}): Promise<Client> {
    const socket = await openSocket(address);
    const connection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    connection.onError(() => undefined);
    const jobs = new Map<string, JobInfo>();
    const waiting = new Set<() => void>();
    const updates: { id: string; update: JobUpdate }[] = [];
    const wake = () => {
      for (const check of [...waiting]) check();
    };
    const until = <T>(look: () => T | undefined): Promise<T> =>
      new Promise((resolve, reject) => {
        const check = () => {
          try {
            const found = look();
            if (found === undefined) return;
            resolve(found);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      });
    // vscode-jsonrpc keeps one handler a method; a test and the helpers here want to hear the same.
    const handlers = new Map<string, ((params: never) => void)[]>();
    const on = <P>({ method }: NotificationType<P>, handler: (params: P) => void) => {
      handlers.set(method, [...(handlers.get(method) ?? []), handler]);
    };
    connection.onNotification((method, params) => {
      for (const handler of handlers.get(method) ?? []) handler(params as never);
    });
    on(JOB_CHANGED, ({ job }) => {
      if ((jobs.get(job.id)?.revision ?? 0) < job.revision) jobs.set(job.id, job);
      wake();
    });
    on(JOB_UPDATES, ({ id, updates: some }) => {
      updates.push(...some.map((update) => ({ id, update })));
      wake();
    });
    const closed = new Promise<void>((resolve) => {
      socket.once("close", () => {
        resolve();
      });
    });
    connection.listen();
    await connection.sendRequest("initialize", {
      processId: null,
      capabilities: { window: { workDoneProgress: true } },
      initializationOptions: { token: address.token },
      ...params,
    });
    await connection.sendNotification("initialized", {});
    const client: Client = {
      connection,
      closed,
      ask: (type, asked, token) => send(connection, type, asked, token),
      on,
      async attach() {
        const answer = await send(connection, ATTACH, {});
        for (const job of answer.jobs) {
          if ((jobs.get(job.id)?.revision ?? 0) < job.revision) jobs.set(job.id, job);
        }
        wake();
        return answer.jobs;
      },
      reached: (id, state) =>
        until(() => {
          const job = state === "failed" ? jobs.get(id) : notFailed(jobs.get(id));
          return job?.state === state ? job : undefined;
        }),
      told(id, test) {
        const from = updates.length;
        return until(() => {
          notFailed(jobs.get(id));
          return updates.slice(from).find((told) => told.id === id && test(told.update))?.update;
        });
      },
      close() {
        connection.dispose();
        socket.destroy();
      },
    };
    this.#clients.push(client);
    return client;
  }

  /** Closes all clients, ends all daemons of all homes, and removes them. */
  async cleanUp(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    for (const home of this.#homes.splice(0)) {
      const pid = (await highestSeat(home))?.record?.pid;
      if (pid !== undefined) await endProcess(pid, "SIGTERM");
      await rm(home, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}

/** A test that waits for more of a failed job would wait for ever. */
function notFailed(job: JobInfo | undefined): JobInfo | undefined {
  if (job?.state === "failed") throw new Error(`job failed: ${JSON.stringify(job.error)}`);
  return job;
}

/** Signals a process that a test started and waits until it is gone. */
export async function endProcess(pid: number, signal: NodeJS.Signals): Promise<void> {
  try {
    process.kill(pid, signal);
  } catch {
    return;
  }
  await gone(pid);
}

export async function gone(pid: number): Promise<void> {
  while ((await processState(pid)).life !== "gone") await sleep(20);
}

/** A job as the daemon has it on disk. */
export interface WrittenJob {
  readonly info: JobInfo;
  readonly workerPid: number | null;
}

/** The daemon's own record of a job, as soon as it is as `test` asks: it is written behind what clients are told. */
export async function written(
  home: string,
  id: string,
  test: (job: WrittenJob) => boolean,
): Promise<WrittenJob> {
  for (;;) {
    const job = JSON.parse(
      await readFile(join(home, "jobs", id, "job.json"), "utf8"),
    ) as WrittenJob;
    if (test(job)) return job;
    await sleep(20);
  }
}

/** The worker at work on a job. */
export async function workerOf(home: string, id: string): Promise<number> {
  const { workerPid } = await written(home, id, (job) => job.workerPid !== null);
  return workerPid ?? 0;
}

export interface Material {
  readonly folder: string;
  readonly checkpoint: string;
  readonly text: string;
  /** A recipe that takes some seconds over `layers` layers; `out` below the folder. */
  recipe(out: string, more?: Partial<RecipeFile>): RecipeFile;
}

/** A tiny model and a text for it. */
export async function material(layers = 3): Promise<Material> {
  const folder = await mkdtemp(join(tmpdir(), "dr-data-"));
  const checkpoint = await writeTinyModel(folder, { layers });
  const text = await writeTinyText(join(folder, "text.txt"));
  return {
    folder,
    checkpoint,
    text,
    recipe: (out, more = {}) => ({
      checkpoint,
      out: join(folder, out),
      calibration: text,
      samples: 4,
      seqLen: 24,
      sampling: "sequential",
      steps: 40,
      device: "wasm",
      ...more,
    }),
  };
}

/** Reports need the built page; see `npm run build`. */
export const reportBuilt = existsSync(new URL("../../dist/report.js", import.meta.url));
