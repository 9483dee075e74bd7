/**
 * Short questions that need the engine (plans, devices, what a config means), answered by a worker of their own that is
 * started when one comes and goes when none has come for a while. The daemon itself never loads TensorFlow.js.
 */
import type { DenoiseError } from "../errors.ts";
import { cancelled, errorOf, helperEnded } from "./errors.ts";
import type { FromWorker, Question, Questions, Topic } from "./messages.ts";
import { PATIENCE_MS, startWorker, type WorkerProcess } from "./workerProcess.ts";

const IDLE_MS = 60_000;

interface Pending {
  resolve(answer: Questions[Topic]["answer"]): void;
  reject(error: DenoiseError): void;
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

  /** @throws whatever the engine throws; jobs/cancelled at once when `signal` aborts; jobs/helper-ended */
  async ask<T extends Topic>(
    topic: T,
    asked: Questions[T]["asked"],
    signal: AbortSignal,
  ): Promise<Questions[T]["answer"]> {
    if (signal.aborted) throw cancelled();
    clearTimeout(this.#idle);
    const worker = await (this.#worker ??= this.#start());
    const id = this.#nextId++;
    let abort: () => void = () => undefined;
    try {
      return await new Promise<Questions[T]["answer"]>((resolve, reject) => {
        // The answer of a topic is of that topic's type: the worker's `answerTo` is written so.
        this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
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
      if (!signal.aborted) this.#pending.delete(id);
      this.#rest();
    }
  }

  /** Ends the worker; questions still open are refused. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = await this.#worker;
    worker?.kill();
    await worker?.ended;
  }

  async #start(): Promise<WorkerProcess> {
    try {
      const worker = await startWorker(this.entry, "helper", this.log, (message) => {
        this.#receive(message);
      });
      void worker.ended.then((error) => {
        this.#worker = null;
        const pending = [...this.#pending.values()];
        this.#pending.clear();
        for (const { reject } of pending) reject(helperEnded(error?.message ?? "it was idle"));
      });
      return worker;
    } catch (error) {
      this.#worker = null;
      throw error;
    }
  }

  #receive(message: FromWorker): void {
    if (message.type !== "answer" && message.type !== "refusal") return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === "answer") pending?.resolve(message.answer);
    else pending?.reject(errorOf(message.error));
  }

  /** The asker has its answer already; the worker must become free for others too. */
  #withdraw(worker: WorkerProcess, id: number): void {
    worker.send({ type: "withdraw", id });
    setTimeout(() => {
      if (this.#pending.has(id)) worker.kill();
    }, PATIENCE_MS).unref();
  }

  #rest(): void {
    clearTimeout(this.#idle);
    if (this.#pending.size > 0) return;
    this.#idle = setTimeout(() => void this.close(), IDLE_MS);
    this.#idle.unref();
  }
}
