/** Which job runs when: in the order they came, at most one on each GPU and one on the processor. */
import { existsSync } from "node:fs";
import type { EvaluateOptions } from "../pipeline/index.ts";
import type { JobRequest } from "../protocol/jobs.ts";
import { pruneOptions } from "../recipe/index.ts";
import { Attempt } from "./attempt.ts";
import type { Helper } from "./helper.ts";
import type { Job } from "./job.ts";
import type { Work } from "./messages.ts";
import { mayStart, Slots, type Slot } from "./slots.ts";

export class Queue {
  readonly #attempts = new Map<Job, Attempt>();
  /** First attempts that may go on with an unfinished run they did not begin. */
  readonly #mayResume = new WeakSet<Job>();
  readonly #slots: Slots;
  #scheduling: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param jobs all there are, in the order they came */
  constructor(
    private readonly jobs: { values(): Iterable<Job> },
    private readonly workerEntry: string,
    helper: Helper,
  ) {
    this.#slots = new Slots(helper);
  }

  get runningCount(): number {
    return this.#attempts.size;
  }

  /** To be called before the job is queued. */
  allowResume(job: Job): void {
    this.#mayResume.add(job);
  }

  /** Looks for jobs that are queued and can run now. */
  schedule(): void {
    this.#scheduling = this.#scheduling.then(() => this.#fillSlots()).catch(console.error);
  }

  /** Stops an active job: resolves when it is in its final state. */
  async cancel(job: Job): Promise<void> {
    const attempt = this.#attempts.get(job);
    if (attempt) await attempt.cancel();
    else {
      job.cancel();
      // Others may have waited behind it.
      this.schedule();
    }
  }

  /** What `auto` takes may be another device from now on. */
  forgetDevices(): void {
    this.#slots.forget();
  }

  /**
   * Stops what runs, as interrupted; nothing is scheduled any more.
   *
   * @param handOver leaves what is queued to the next daemon, which goes on with it; otherwise it is interrupted too
   */
  async close(handOver: boolean): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.interrupt()));
    for (const job of this.jobs.values()) {
      if (handOver && job.info.state === "queued") job.handOver(this.#mayResume.has(job));
      else if (job.active) job.interrupt();
      await job.record.settled();
    }
  }

  async #fillSlots(): Promise<void> {
    // An update of the extension has deleted it: another daemon will go on with the queue.
    if (!existsSync(this.workerEntry)) return;
    const running = [...this.#attempts.keys()];
    const queued = [...this.jobs.values()].filter(
      (job) => job.info.state === "queued" && !this.#attempts.has(job),
    );
    const may = mayStart(
      await this.#slotsOf(running, queued),
      await this.#slotsOf(queued, running),
    );
    for (const [at, job] of queued.entries()) {
      // It may have been cancelled meanwhile.
      if (may[at] === true && job.info.state === "queued" && !this.#closed) this.#run(job);
    }
  }

  /** Looking for devices takes a second: not where there is nothing to compare with. */
  async #slotsOf(jobs: readonly Job[], others: readonly Job[]): Promise<Slot[]> {
    if (jobs.length + others.length === 1) return jobs.map(() => "gpu");
    return Promise.all(jobs.map((job) => this.#slots.of(job.info.request)));
  }

  #run(job: Job): void {
    const { request, attempt: number } = job.info;
    const resume = number > 1 || this.#mayResume.has(job);
    const attempt = new Attempt(job, this.workerEntry, workOf(request, resume));
    this.#attempts.set(job, attempt);
    void attempt.ended.then(() => {
      this.#attempts.delete(job);
      this.schedule();
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
