/** One attempt at a job: its worker from start to end, whatever the end is. */
import type { ErrorInfo } from "../protocol/errors.ts";
import type { JobResult } from "../protocol/jobs.ts";
import { infoOf, workerCrashed } from "./errors.ts";
import type { Job } from "./job.ts";
import type { FromWorker, Work } from "./messages.ts";
import { PATIENCE_MS, startWorker, type WorkerProcess } from "./workerProcess.ts";

type Outcome =
  | { readonly type: "done"; readonly result: JobResult }
  | { readonly type: "failed"; readonly error: ErrorInfo };

export class Attempt {
  #worker: WorkerProcess | null = null;
  #outcome: Outcome | null = null;
  /** Why it is being stopped, once it is. */
  #stopping: "cancel" | "interrupt" | null = null;
  #killer: NodeJS.Timeout | undefined;
  /** The job is in its final state. Never rejects. */
  readonly ended: Promise<void>;

  constructor(
    private readonly job: Job,
    entry: string,
    work: Work,
  ) {
    this.ended = this.#run(entry, work);
  }

  /** Asks the worker to stop, and makes it stop when it does not. */
  cancel(): Promise<void> {
    this.#stopping ??= "cancel";
    this.#worker?.send({ type: "cancel" });
    this.#killer ??= setTimeout(() => this.#worker?.kill(), PATIENCE_MS);
    return this.ended;
  }

  /** The daemon ends: no time to ask. */
  interrupt(): Promise<void> {
    this.#stopping ??= "interrupt";
    this.#worker?.kill();
    return this.ended;
  }

  async #run(entry: string, work: Work): Promise<void> {
    const { job } = this;
    try {
      const worker = await startWorker(entry, job.info.id, job.record.log, (message) => {
        this.#receive(message);
      });
      this.#worker = worker;
      job.begin(worker.pid);
      // Before it touches anything the next daemon must be able to find it: this one may be killed at any moment.
      await job.record.settled();
      worker.send({ type: "work", work });
      // Stopped while it was starting.
      if (this.#stopping) worker.kill();
      const crash = await worker.ended;
      this.#settle(this.#outcome ?? failed(infoOf(crash ?? workerCrashed(0, null, ""))));
    } catch (error) {
      this.#settle(failed(infoOf(workerCrashed(null, null, String(error)))));
    } finally {
      clearTimeout(this.#killer);
    }
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "event":
        this.job.hear(message.event);
        return;
      case "memory":
        this.job.remember(message.hostBytes, message.deviceBytes);
        return;
      case "done":
        this.#outcome = message;
        return;
      case "failed":
        this.#outcome = failed(infoOf(message.error));
        return;
      case "answer":
      case "refusal":
        return;
      default:
        message satisfies never;
    }
  }

  #settle(outcome: Outcome): void {
    const { job } = this;
    // It may have been done before it heard that it should stop.
    if (outcome.type === "done") job.finish(outcome.result);
    else if (this.#stopping === "interrupt") job.interrupt();
    else if (this.#stopping === "cancel" || outcome.error.kind === "cancelled") job.cancel();
    else job.fail(outcome.error);
  }
}

const failed = (error: ErrorInfo): Outcome => ({ type: "failed", error });
