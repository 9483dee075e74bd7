/** All jobs of the daemon: the history on disk, what clients ask of it, and the queue. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import type { JobDetail, JobInfo, JobRequest, MatrixTileParams } from "../protocol/jobs.ts";
import type { LayerReport } from "../report.ts";
import { isWorkPath } from "../runFiles.ts";
import {
  noSuchJob,
  noSuchLayer,
  notActive,
  notResumable,
  outputInUse,
  stillActive,
} from "./errors.ts";
import { JobFeed, type JobWatcher } from "./feed.ts";
import type { Helper } from "./helper.ts";
import { Job } from "./job.ts";
import { endOrphan } from "./orphan.ts";
import {
  assertNoRun,
  checkpointOf,
  finishedOutputOf,
  layerFilesOf,
  outputFiles,
  outputOf,
  type LayerFiles,
} from "./places.ts";
import { Queue } from "./queue.ts";
import { emptyStory, jobIds, JobRecord } from "./record.ts";
import { titleOf } from "./title.ts";
import { tailOf } from "./workerProcess.ts";

const LOG_BYTES = 64 * 1024;

export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #feed = new JobFeed();
  readonly #queue: Queue;

  private constructor(
    private readonly folder: string,
    workerEntry: string,
    helper: Helper,
  ) {
    this.#queue = new Queue(this.#jobs, workerEntry, helper);
  }

  /**
   * Reads the history. What the last daemon handed over waits still; what else was queued or running when it went down
   * is interrupted now.
   *
   * @param folder of the jobs; nobody else may be using it
   */
  static async open(folder: string, workerEntry: string, helper: Helper): Promise<Jobs> {
    const jobs = new Jobs(folder, workerEntry, helper);
    for (const id of (await jobIds(folder)).toSorted()) {
      const found = await JobRecord.open(folder, id);
      if (!found) continue;
      const job = new Job(found.stored, found.record, jobs.#feed);
      const { workerPid, handedOver } = found.stored;
      if (handedOver?.mayResume) jobs.#queue.allowResume(job);
      if (job.active && handedOver === null) {
        if (workerPid !== null) await endOrphan(workerPid, id);
        job.interrupt();
      }
      jobs.#jobs.set(id, job);
    }
    jobs.#queue.schedule();
    return jobs;
  }

  watch(watcher: JobWatcher): () => void {
    return this.#feed.watch(watcher);
  }

  /** Newest first. */
  list(): JobInfo[] {
    return [...this.#jobs.values()].map((job) => job.info).toReversed();
  }

  get activeCount(): number {
    return [...this.#jobs.values()].filter((job) => job.active).length;
  }

  get runningCount(): number {
    return this.#queue.runningCount;
  }

  /**
   * @param mayResume go on with an unfinished run of this output, if there is one
   * @throws jobs/output-in-use, pipeline/unfinished-run
   */
  async start(request: JobRequest, mayResume = false): Promise<JobInfo> {
    this.#assertOutputFree(request);
    // Asked now, while there is a person to answer; the worker asks again when its turn comes.
    if (!mayResume) assertNoRun(request);
    const id = newId();
    const record = await JobRecord.create(this.folder, id);
    const info: JobInfo = {
      id,
      revision: 0,
      state: "queued",
      request,
      title: titleOf(request),
      createdAt: new Date().toISOString(),
      startedAt: null,
      endedAt: null,
      attempt: 0,
      resumable: false,
      device: null,
      progress: null,
      error: null,
      result: null,
      work: null,
      log: record.log,
    };
    const job = new Job({ info, story: emptyStory }, record, this.#feed);
    this.#jobs.set(id, job);
    if (mayResume) this.#queue.allowResume(job);
    job.queue();
    // What a client was told of must be there still when this daemon is killed.
    await record.settled();
    this.#queue.schedule();
    return job.info;
  }

  /** @throws jobs/no-such-job, jobs/not-active */
  async cancel(id: string): Promise<JobInfo> {
    const job = this.#get(id);
    if (!job.active) throw notActive(id, job.info.state);
    await this.#queue.cancel(job);
    return job.info;
  }

  /** @throws jobs/no-such-job, jobs/not-resumable, jobs/output-in-use */
  resume(id: string): JobInfo {
    const job = this.#get(id);
    if (!job.info.resumable) throw notResumable(id, job.info.state);
    this.#assertOutputFree(job.info.request);
    job.queue();
    this.#queue.schedule();
    return job.info;
  }

  /** @throws jobs/no-such-job, jobs/still-active */
  async remove(id: string, deleteWork: boolean): Promise<void> {
    const job = this.#get(id);
    if (job.active) throw stillActive(id, job.info.state);
    const { work } = job.info;
    this.#jobs.delete(id);
    this.#feed.removed(id);
    await job.record.remove();
    // The path is the plan's own; the name is looked at all the same before a folder is deleted.
    if (deleteWork && work !== null && isWorkPath(work)) {
      await rm(work, { recursive: true, force: true });
    }
  }

  /** Resolves with the job in its final state. @throws jobs/no-such-job */
  ended(id: string): Promise<JobInfo> {
    const job = this.#get(id);
    if (!job.active) return Promise.resolve(job.info);
    return new Promise((resolve) => {
      const stop = this.#feed.watch({
        changed: (info) => {
          if (info.id !== id || job.active) return;
          stop();
          resolve(info);
        },
        removed: () => undefined,
        progress: () => undefined,
        updates: () => undefined,
      });
    });
  }

  /** What `auto` takes may be another device from now on. */
  forgetDevices(): void {
    this.#queue.forgetDevices();
  }

  detail(id: string): JobDetail {
    return this.#get(id).detail();
  }

  /** @throws jobs/no-such-job, jobs/no-such-layer */
  async layer(id: string, index: number): Promise<LayerReport> {
    const report = await this.#get(id).record.readLayer(index);
    if (!report) throw noSuchLayer(id, index);
    return report;
  }

  /** The end of what the job's worker printed. */
  log(id: string): Promise<string> {
    return tailOf(this.#get(id).record.log, 0, LOG_BYTES);
  }

  /** See {@link checkpointOf}. @throws jobs/no-such-job, jobs/nothing-written */
  checkpointOf(id: string, tensor: string): string {
    return checkpointOf(this.#get(id).detail(), tensor);
  }

  /**
   * Where the parts of a finished layer lie: of a job, or of an output folder, which may be that of no job.
   * @throws jobs/no-such-job, jobs/no-such-layer
   */
  filesOf(source: MatrixTileParams["source"], layer: number): LayerFiles {
    const job =
      "job" in source
        ? this.#get(source.job)
        : [...this.#jobs.values()].find(({ info }) => finishedOutputOf(info) === source.output);
    if (job) return layerFilesOf(job.detail(), layer);
    return outputFiles("output" in source ? source.output : "", layer);
  }

  /** See {@link Queue.close}. */
  close(handOver: boolean): Promise<void> {
    return this.#queue.close(handOver);
  }

  #get(id: string): Job {
    const job = this.#jobs.get(id);
    if (!job) throw noSuchJob(id);
    return job;
  }

  #assertOutputFree(request: JobRequest): void {
    const out = outputOf(request);
    for (const { active, info } of this.#jobs.values()) {
      if (active && out !== null && outputOf(info.request) === out) throw outputInUse(out, info.id);
    }
  }
}

/** Sorts by time: `20260102T030405678-1a2b`. */
const newId = (): string =>
  `${new Date().toISOString().replaceAll(/[-:.Z]/g, "")}-${randomBytes(2).toString("hex")}`;
