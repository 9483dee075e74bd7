/**
 * Short questions that need the engine (plans, devices, what a config means), answered by a worker of their own that is
 * started when one comes and goes when none has come for a while. The daemon itself never loads TensorFlow.js.
 */
import { existsSync } from "node:fs";
import { DenoiseError } from "../errors.ts";
import { cancelled, filesGone, helperEnded, received } from "./errors.ts";
import type { FromWorker, Question, Questions, Topic } from "./messages.ts";
import { PATIENCE_MS, startWorker, type WorkerProcess } from "./workerProcess.ts";

const IDLE_MS = 60_000;
const HELPER_ENDED = "jobs/helper-ended";

interface Pending {
  readonly worker: WorkerProcess;
  readonly resolve: (answer: Questions[Topic]["answer"]) => void;
  readonly reject: (error: DenoiseError) => void;
}

export class Helper {
  readonly #pending = new Map<number, Pending>();
  #worker: Promise<WorkerProcess> | null = null;
  #nextId = 1;
  #idle: NodeJS.Timeout | undefined;

  constructor(
    private readonly entry: string,
    private readonly log: string,
  ) {}

  /** @throws whatever the engine throws; jobs/cancelled at once when `signal` aborts; jobs/files-gone; jobs/helper-ended */
  async ask<T extends Topic>(
    topic: T,
    asked: Questions[T]["asked"],
    signal: AbortSignal,
  ): Promise<Questions[T]["answer"]> {
    try {
      return await this.#askOnce(topic, asked, signal);
    } catch (error) {
      // The worker may have been killed because of another question that was withdrawn.
      if (!(error instanceof DenoiseError) || error.code !== HELPER_ENDED) throw error;
      return this.#askOnce(topic, asked, signal);
    }
  }

  async #askOnce<T extends Topic>(
    topic: T,
    asked: Questions[T]["asked"],
    signal: AbortSignal,
  ): Promise<Questions[T]["answer"]> {
    if (signal.aborted) throw cancelled();
    if (!existsSync(this.entry)) throw filesGone();
    clearTimeout(this.#idle);
    const worker = await (this.#worker ??= this.#start());
    const id = this.#nextId++;
    let abort: () => void = () => undefined;
    try {
      return await new Promise<Questions[T]["answer"]>((resolve, reject) => {
        // The answer of a topic is of that topic's type: the worker's `answerTo` is written so.
        const settle = { resolve: resolve as Pending["resolve"], reject };
        this.#pending.set(id, { worker, ...settle });
        abort = () => {
          reject(cancelled());
          this.#withdraw(worker, id);
        };
        signal.addEventListener("abort", abort, { once: true });
        // Topic and parameters belong together by the signature above.
        worker.send({ type: "ask", id, question: { topic, asked } as Question });
      });
    } finally {
      signal.removeEventListener("abort", abort);
      this.#rest();
    }
  }

  /** Ends the worker; questions still open are refused. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = await this.#worker;
    this.#worker = null;
    worker?.kill();
    await worker?.ended;
  }

  async #start(): Promise<WorkerProcess> {
    try {
      const worker = await startWorker(this.entry, "helper", this.log, (message) => {
        this.#receive(message);
      });
      void worker.ended.then((error) => {
        this.#forget(worker);
        for (const [id, pending] of this.#pending) {
          if (pending.worker !== worker) continue;
          this.#pending.delete(id);
          pending.reject(helperEnded(error?.message ?? "it was told to"));
        }
      });
      return worker;
    } catch (error) {
      this.#worker = null;
      throw error;
    }
  }

  /** The next question starts another. */
  #forget(worker: WorkerProcess): void {
    void this.#worker?.then((current) => {
      if (current === worker) this.#worker = null;
    });
  }

  #receive(message: FromWorker): void {
    if (message.type !== "answer" && message.type !== "refusal") return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === "answer") pending?.resolve(message.answer);
    else pending?.reject(received(message.error));
    this.#rest();
  }

  /** The asker has its answer already; the worker must become free for others too. */
  #withdraw(worker: WorkerProcess, id: number): void {
    worker.send({ type: "withdraw", id });
    setTimeout(() => {
      if (!this.#pending.has(id)) return;
      this.#forget(worker);
      worker.kill();
    }, PATIENCE_MS).unref();
  }

  #rest(): void {
    clearTimeout(this.#idle);
    if (this.#pending.size > 0) return;
    this.#idle = setTimeout(() => void this.close(), IDLE_MS);
    this.#idle.unref();
  }
}
