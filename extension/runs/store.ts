/** The current state of all jobs, from the daemon's answer to `ATTACH` and its notifications since. */
import { EventEmitter, type Event } from "vscode";
import type { Disposable } from "../disposable.ts";
import {
  JOB_CHANGED,
  JOB_PROGRESS,
  JOB_REMOVED,
  JOB_UPDATES,
  type JobInfo,
  type JobUpdate,
} from "../../daemon/protocol.ts";
import type { DaemonClient } from "../daemonClient.ts";

export interface RunStore {
  /** Newest first. */
  all(): readonly JobInfo[];
  get(id: string): JobInfo | undefined;
  /** The job that changed; null where the list is another one: a job was removed, or the connection is new. */
  readonly onChange: Event<JobInfo | null>;
  readonly onUpdates: Event<{ readonly id: string; readonly updates: readonly JobUpdate[] }>;
  /** After every new connection: updates in between were missed, ask `DETAIL` again. */
  readonly onAttached: Event<void>;
}

/** What the store listens to. */
export const JOB_NOTIFICATIONS: readonly string[] = [
  JOB_CHANGED,
  JOB_REMOVED,
  JOB_PROGRESS,
  JOB_UPDATES,
].map(({ method }) => method);

export class JobStore implements RunStore, Disposable {
  readonly #changes = new EventEmitter<JobInfo | null>();
  readonly #updates = new EventEmitter<{ id: string; updates: readonly JobUpdate[] }>();
  readonly #attached = new EventEmitter<void>();
  #jobs = new Map<string, JobInfo>();

  readonly onChange = this.#changes.event;
  readonly onUpdates = this.#updates.event;
  readonly onAttached = this.#attached.event;

  /** From now on; jobs come with {@link attached}. */
  listen(client: Pick<DaemonClient, "onNotification">): Disposable[] {
    return [
      client.onNotification(JOB_CHANGED, ({ job }) => {
        this.#put(job);
      }),
      client.onNotification(JOB_REMOVED, ({ id }) => {
        if (this.#jobs.delete(id)) this.#changes.fire(null);
      }),
      client.onNotification(JOB_PROGRESS, ({ id, revision, progress }) => {
        const job = this.#jobs.get(id);
        if (job) this.#put({ ...job, revision, progress });
      }),
      client.onNotification(JOB_UPDATES, (told) => {
        this.#updates.fire(told);
      }),
    ];
  }

  /** The answer to `ATTACH` on a new connection: what is not in it is gone. */
  attached(jobs: readonly JobInfo[]): void {
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
    this.#changes.fire(null);
    this.#attached.fire();
  }

  all(): readonly JobInfo[] {
    return [...this.#jobs.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  get(id: string): JobInfo | undefined {
    return this.#jobs.get(id);
  }

  dispose(): void {
    this.#changes.dispose();
    this.#updates.dispose();
    this.#attached.dispose();
  }

  #put(job: JobInfo): void {
    if ((this.#jobs.get(job.id)?.revision ?? -1) >= job.revision) return;
    this.#jobs.set(job.id, job);
    this.#changes.fire(job);
  }
}
