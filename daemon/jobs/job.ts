/** One job in memory: what it is, what it has told, and how both change. */
import type { RunEvent } from "../pipeline/index.ts";
import type { ErrorInfo } from "../protocol/errors.ts";
import {
  MAX_STEPS,
  type JobDetail,
  type JobInfo,
  type JobProgress,
  type JobResult,
  type JobUpdate,
  type LayerSummary,
  type StepPoint,
} from "../protocol/jobs.ts";
import { omit } from "../omit.ts";
import type { LayerReport, MatrixReport } from "../report.ts";
import { ROLES, type Role } from "../vocabulary.ts";
import type { JobFeed } from "./feed.ts";
import type { JobRecord, JobStory, StoredJob } from "./record.ts";

/** Before so much is done, the rest cannot be told from it. */
const ETA_FROM_SHARE = 0.02;
const ETA_FROM_SECONDS = 2;

export class Job {
  #info: JobInfo;
  #story: JobStory;
  #steps: StepPoint[] = [];
  #workerPid: number | null = null;
  #memory: Pick<JobProgress, "hostBytes" | "deviceBytes"> = { hostBytes: null, deviceBytes: null };
  /** Where this attempt began: a resumed run does not start at 0. */
  #start = { at: performance.now(), fraction: 0 };

  constructor(
    stored: Pick<StoredJob, "info" | "story">,
    readonly record: JobRecord,
    private readonly feed: JobFeed,
  ) {
    this.#info = stored.info;
    this.#story = stored.story;
  }

  get info(): JobInfo {
    return this.#info;
  }

  get active(): boolean {
    return this.#info.state === "queued" || this.#info.state === "running";
  }

  detail(): JobDetail {
    // What is in the detail must not come again as an update behind it.
    this.feed.flush();
    return { job: this.#info, ...this.#story, steps: this.#steps };
  }

  /** Writes and tells it as it is. */
  announce(): void {
    this.#change({});
  }

  queue(): void {
    const attempt = this.#info.attempt + 1;
    this.#change({ state: "queued", attempt, error: null, resumable: false, progress: null });
  }

  begin(workerPid: number | null): void {
    this.#workerPid = workerPid;
    this.#start = { at: performance.now(), fraction: 0 };
    this.#change({ state: "running", startedAt: new Date().toISOString(), endedAt: null });
  }

  finish(result: JobResult): void {
    const { progress } = this.#info;
    const whole = progress && { ...progress, fraction: 1, etaSeconds: 0 };
    this.#end({ state: "done", result, work: null, progress: whole });
  }

  fail(error: ErrorInfo): void {
    this.#end({ state: "failed", error, resumable: true });
  }

  cancel(): void {
    this.#end({ state: "cancelled", resumable: true });
  }

  /** To the next daemon, as it is: queued. */
  handOver(mayResume: boolean): void {
    this.record.writeInfo(this.#info, null, { mayResume });
  }

  interrupt(): void {
    this.#end({ state: "interrupted", resumable: true });
  }

  remember(hostBytes: number, deviceBytes: number): void {
    this.#memory = { hostBytes, deviceBytes };
    if (this.#info.progress) this.#progress({ ...this.#info.progress, ...this.#memory });
  }

  hear(event: RunEvent): void {
    switch (event.type) {
      case "progress": {
        const { stage, layer, layers, fraction } = event;
        this.#progress({
          ...{ stage, layer, layers, fraction, ...this.#time(fraction), ...this.#memory },
          sparsity: this.#sparsity(),
        });
        return;
      }
      case "device":
        this.#change({ device: event.description });
        return;
      case "plan": {
        const plan = omit(event.plan, "tensors");
        this.#story = { ...this.#story, plan };
        this.#change({ work: plan.work });
        this.#tell({ type: "plan", plan });
        return;
      }
      case "resumed":
        this.#note(`Resumed behind ${event.layers} finished layers.`);
        return;
      case "step":
        this.#step(omit(event, "type"));
        return;
      case "layer":
        this.#layer(event.report);
        return;
      case "fallback":
        this.#story = { ...this.#story, fallbacks: [...this.#story.fallbacks, event.fallback] };
        this.#tell({ type: "fallback", fallback: event.fallback });
        return;
      case "perplexity": {
        const others = this.#story.perplexity.filter(({ label }) => label !== event.row.label);
        this.#story = { ...this.#story, perplexity: [...others, event.row] };
        this.#tell({ type: "perplexity", row: event.row });
        return;
      }
      case "note":
        this.#note(event.text);
        return;
      default:
        event satisfies never;
    }
  }

  #layer(report: LayerReport): void {
    const layer = summaryOf(report);
    const others = this.#story.layers.filter(({ index }) => index !== layer.index);
    const layers = [...others, layer].toSorted((a, b) => a.index - b.index);
    this.record.writeLayer(report);
    // With the progress so far, which is what an interrupted job shows.
    this.record.writeInfo(this.#info, this.#workerPid);
    this.#story = { ...this.#story, layers };
    this.#tell({ type: "layer", layer });
  }

  #step(point: StepPoint): void {
    const last = this.#steps.at(-1);
    // A curve is of one rotation: the next begins a new one.
    if (last && (last.layers[0] !== point.layers[0] || point.step < last.step)) this.#steps = [];
    this.#steps.push(point);
    if (this.#steps.length > MAX_STEPS) this.#steps.shift();
    this.feed.update(this.#info.id, { type: "step", point });
  }

  #note(text: string): void {
    this.#story = { ...this.#story, notes: [...this.#story.notes, text] };
    this.#tell({ type: "note", text });
  }

  #tell(update: JobUpdate): void {
    this.record.writeStory(this.#story);
    this.feed.update(this.#info.id, update);
  }

  #progress(progress: JobProgress): void {
    this.#info = { ...this.#info, progress, revision: this.#info.revision + 1 };
    this.feed.progress(this.#info);
  }

  #end(change: Partial<JobInfo>): void {
    this.#workerPid = null;
    this.#change({ ...change, endedAt: new Date().toISOString() });
  }

  #change(change: Partial<JobInfo>): void {
    this.#info = { ...this.#info, ...change, revision: this.#info.revision + 1 };
    this.record.writeInfo(this.#info, this.#workerPid);
    this.feed.changed(this.#info);
  }

  #time(fraction: number): Pick<JobProgress, "elapsedSeconds" | "etaSeconds"> {
    // The first sign of progress of this attempt is where it began.
    if (this.#info.progress === null) this.#start = { ...this.#start, fraction };
    const elapsedSeconds = (performance.now() - this.#start.at) / 1000;
    const done = fraction - this.#start.fraction;
    const known = done >= ETA_FROM_SHARE && elapsedSeconds >= ETA_FROM_SECONDS;
    return {
      elapsedSeconds,
      etaSeconds: known ? (elapsedSeconds * (1 - fraction)) / done : null,
    };
  }

  #sparsity(): number | null {
    let [zeros, count] = [0, 0];
    for (const { matrices } of this.#story.layers) {
      for (const role of ROLES) {
        const { shape, zeros: some } = matrices[role];
        zeros += some;
        count += shape[0] * shape[1];
      }
    }
    return count === 0 ? null : zeros / count;
  }
}

export function summaryOf({
  index,
  entropy,
  prunedMass,
  matrices,
  curve,
}: LayerReport): LayerSummary {
  const summaries = Object.fromEntries(
    ROLES.map((role) => [role, omit(matrices[role], "overview", "histogram")]),
  ) as Record<Role, Omit<MatrixReport, "overview" | "histogram">>;
  return { index, entropy, prunedMass, matrices: summaries, curve };
}
