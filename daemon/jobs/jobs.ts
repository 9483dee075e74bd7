/**
 * All jobs of the daemon: the history on disk, the queue, and the attempts that run. At most one runs on the GPU and
 * one on the processor.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { EvaluateOptions } from "../pipeline/index.ts";
import type { JobDetail, JobInfo, JobRequest, MatrixTileParams } from "../protocol/jobs.ts";
import { pruneOptions } from "../recipe/index.ts";
import type { LayerReport } from "../report.ts";
import { heatmapPath, isWorkPath, layerFilePath, runFilePath, workPath } from "../runFiles.ts";
import { Attempt } from "./attempt.ts";
import {
  noSuchJob,
  noSuchLayer,
  notActive,
  nothingWritten,
  notResumable,
  outputInUse,
  stillActive,
  unfinishedRun,
} from "./errors.ts";
import { JobFeed, type JobWatcher } from "./feed.ts";
import type { Helper } from "./helper.ts";
import { Job } from "./job.ts";
import type { Work } from "./messages.ts";
import { endOrphan } from "./orphan.ts";
import { emptyStory, jobIds, JobRecord } from "./record.ts";
import { titleOf } from "./title.ts";
import { tailOf } from "./workerProcess.ts";

/** What computes at the same time does so on different machines. */
type Slot = "gpu" | "cpu";

/** Paths of what there is of a finished layer. */
interface LayerFiles {
  readonly heatmap: string;
  readonly written: string;
  /** The dense checkpoint; null where it is not known. */
  readonly dense: string | null;
}

const LOG_BYTES = 64 * 1024;
const never = new AbortController().signal;

export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #attempts = new Map<Job, Attempt>();
  /** First attempts that may go on with an unfinished run they did not begin. */
  readonly #mayResume = new Set<Job>();
  readonly #feed = new JobFeed();
  #scheduling: Promise<void> = Promise.resolve();
  #autoSlot: Promise<Slot> | null = null;
  #closed = false;

  private constructor(
    private readonly folder: string,
    private readonly workerEntry: string,
    private readonly helper: Helper,
  ) {}

  /**
   * Reads the history. What was queued or running when the last daemon went down is interrupted now.
   *
   * @param folder of the jobs; nobody else may be using it
   */
  static async open(folder: string, workerEntry: string, helper: Helper): Promise<Jobs> {
    const jobs = new Jobs(folder, workerEntry, helper);
    for (const id of (await jobIds(folder)).toSorted()) {
      const found = await JobRecord.open(folder, id);
      if (!found) continue;
      const job = new Job(found.stored, found.record, jobs.#feed);
      if (job.active) {
        const { workerPid } = found.stored;
        if (workerPid !== null) await endOrphan(workerPid, id);
        job.interrupt();
      }
      jobs.#jobs.set(id, job);
    }
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
    if (mayResume) this.#mayResume.add(job);
    job.queue();
    this.#schedule();
    return job.info;
  }

  /** @throws jobs/no-such-job, jobs/not-active */
  async cancel(id: string): Promise<JobInfo> {
    const job = this.#get(id);
    if (!job.active) throw notActive(id, job.info.state);
    const attempt = this.#attempts.get(job);
    if (attempt) await attempt.cancel();
    else job.cancel();
    return job.info;
  }

  /** @throws jobs/no-such-job, jobs/not-resumable, jobs/output-in-use */
  resume(id: string): JobInfo {
    const job = this.#get(id);
    if (!job.info.resumable) throw notResumable(id, job.info.state);
    this.#assertOutputFree(job.info.request);
    job.queue();
    this.#schedule();
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

  /**
   * The checkpoint in which a tensor that this job writes can be read now: the output, or a finished layer's file.
   * @throws jobs/no-such-job, jobs/nothing-written
   */
  checkpointOf(id: string, tensor: string): string {
    const { result, work } = this.#get(id).info;
    if (result?.kind === "prune") return result.output;
    const layer = /^model\.layers\.(\d+)\./.exec(tensor)?.[1];
    const { layers } = this.#get(id).detail();
    if (work === null || !layers.some(({ index }) => String(index) === layer)) {
      throw nothingWritten(id, tensor);
    }
    return layerFilePath(work, Number(layer));
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
    if (!job) {
      const output = "output" in source ? source.output : "";
      return { heatmap: heatmapPath(output, layer), written: output, dense: null };
    }
    const { request, work, id } = job.info;
    const dense = request.kind === "prune" ? request.recipe.checkpoint : null;
    const output = finishedOutputOf(job.info);
    if (output !== null) return { heatmap: heatmapPath(output, layer), written: output, dense };
    if (work === null || !job.detail().layers.some(({ index }) => index === layer)) {
      throw noSuchLayer(id, layer);
    }
    return { heatmap: heatmapPath(work, layer), written: layerFilePath(work, layer), dense };
  }

  /** Stops what runs, as interrupted; nothing is scheduled any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.interrupt()));
    for (const job of this.#jobs.values()) {
      if (job.active) job.interrupt();
      await job.record.settled();
    }
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

  #schedule(): void {
    this.#scheduling = this.#scheduling.then(() => this.#fillSlots()).catch(console.error);
  }

  async #fillSlots(): Promise<void> {
    for (const job of this.#jobs.values()) {
      if (job.info.state !== "queued" || this.#attempts.has(job) || this.#closed) continue;
      if (await this.#isFree(job)) this.#run(job);
    }
  }

  async #isFree(job: Job): Promise<boolean> {
    // Looking for devices takes a second: not where there is nothing to compare with.
    if (this.#attempts.size === 0) return true;
    const mine = await this.#slotOf(job);
    for (const other of this.#attempts.keys()) {
      if ((await this.#slotOf(other)) === mine) return false;
    }
    // It may have been cancelled meanwhile.
    return job.info.state === "queued" && !this.#closed;
  }

  #slotOf({ info: { request } }: Job): Promise<Slot> {
    const { device = "auto" } = request.kind === "prune" ? request.recipe : request.evaluate;
    if (device !== "auto") return Promise.resolve(device === "wasm" ? "cpu" : "gpu");
    return (this.#autoSlot ??= this.#lookForAuto());
  }

  async #lookForAuto(): Promise<Slot> {
    try {
      const devices = await this.helper.ask("devices", null, never);
      const first = devices.find(({ available, automatic }) => available && automatic);
      return first && first.device !== "wasm" ? "gpu" : "cpu";
    } catch {
      // One after the other is always right.
      return "gpu";
    }
  }

  #run(job: Job): void {
    const { request, attempt: number } = job.info;
    const resume = number > 1 || this.#mayResume.has(job);
    const attempt = new Attempt(job, this.workerEntry, workOf(request, resume));
    this.#attempts.set(job, attempt);
    void attempt.ended.then(() => {
      this.#attempts.delete(job);
      this.#schedule();
    });
  }
}

function workOf(request: JobRequest, resume: boolean): Work {
  if (request.kind === "prune") {
    const options = pruneOptions(request.recipe);
    return { kind: "prune", options, resume };
  }
  return { kind: "evaluate", options: request.evaluate satisfies EvaluateOptions };
}

/** @throws pipeline/unfinished-run */
function assertNoRun(request: JobRequest): void {
  const out = outputOf(request);
  if (out === null) return;
  const work = workPath(out);
  if (existsSync(runFilePath(work))) throw unfinishedRun(work);
}

const finishedOutputOf = ({ result }: JobInfo): string | null =>
  result?.kind === "prune" ? result.output : null;

const outputOf = (request: JobRequest): string | null =>
  request.kind === "prune" ? request.recipe.out : null;

/** Sorts by time: `20260102T030405678-1a2b`. */
const newId = (): string =>
  `${new Date().toISOString().replaceAll(/[-:.Z]/g, "")}-${randomBytes(2).toString("hex")}`;
