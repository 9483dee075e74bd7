/**
 * What happens to jobs, on its way to those who watch. Changes of state go out at once; progress and updates are
 * gathered for a tenth of a second, progress keeping only the newest and updates keeping all.
 */
import type { JobInfo, JobProgress, JobUpdate } from "../protocol/jobs.ts";

export interface JobWatcher {
  changed(job: JobInfo): void;
  removed(id: string): void;
  progress(id: string, revision: number, progress: JobProgress): void;
  updates(id: string, updates: readonly JobUpdate[]): void;
}

const GATHER_MS = 100;

export class JobFeed {
  readonly #watchers = new Set<JobWatcher>();
  readonly #progress = new Map<string, JobInfo>();
  readonly #updates = new Map<string, JobUpdate[]>();
  #timer: NodeJS.Timeout | null = null;

  /** @returns ends the watching */
  watch(watcher: JobWatcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  changed(job: JobInfo): void {
    // What was told before the change goes out before it.
    this.flush();
    for (const watcher of this.#watchers) watcher.changed(job);
  }

  removed(id: string): void {
    this.#progress.delete(id);
    this.#updates.delete(id);
    for (const watcher of this.#watchers) watcher.removed(id);
  }

  progress(job: JobInfo): void {
    this.#progress.set(job.id, job);
    this.#arm();
  }

  update(id: string, update: JobUpdate): void {
    const updates = this.#updates.get(id);
    if (updates) updates.push(update);
    else this.#updates.set(id, [update]);
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, GATHER_MS);
  }

  /** Tells at once what was gathered. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const watcher of this.#watchers) {
      for (const [id, updates] of this.#updates) watcher.updates(id, updates);
      for (const { id, revision, progress } of this.#progress.values()) {
        if (progress) watcher.progress(id, revision, progress);
      }
    }
    this.#updates.clear();
    this.#progress.clear();
  }
}
