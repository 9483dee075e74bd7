/** The run a page shows: asked for once, then kept by what the host tells, and told to the page once a frame. */
import type { MatrixId, RunView } from "../messages.ts";
import type { Bridge } from "./bridge.ts";
import { updated, withJob } from "./runState.ts";

export interface RunListener {
  /** The panel was bound, or the person opened another matrix from elsewhere. */
  shown(title: string, at: MatrixId | null): void;
  loading(): void;
  failed(error: unknown): void;
  /** @param run as it is now; `previous` is null the first time, and after everything was asked for anew */
  changed(run: RunView, previous: RunView | null): void;
  /** The job was removed from the history. */
  removed(): void;
}

export class RunStore {
  #run: RunView | null = null;
  #told: RunView | null = null;
  #frame = 0;
  /** Grows with every question: an answer to an older one is dropped. */
  #asked = 0;

  constructor(
    private readonly bridge: Bridge,
    private readonly listener: RunListener,
  ) {
    bridge.start((event) => {
      switch (event.type) {
        case "show":
          listener.shown(event.title, event.at);
          if (this.#run === null) this.load();
          return;
        case "job":
          if (event.job === null) listener.removed();
          else if (this.#run !== null) this.#set(withJob(this.#run, event.job));
          return;
        case "updates":
          if (this.#run !== null) this.#set(event.updates.reduce(updated, this.#run));
          return;
        case "stale":
          this.load();
          return;
        default:
          event satisfies never;
      }
    });
  }

  get run(): RunView | null {
    return this.#run;
  }

  /** Asks for everything anew. */
  load(): void {
    const asked = ++this.#asked;
    if (this.#run === null) this.listener.loading();
    this.bridge.request("run", {}).then(
      (run) => {
        if (asked !== this.#asked) return;
        this.#told = null;
        this.#set(run);
      },
      (error: unknown) => {
        if (asked === this.#asked && this.#run === null) this.listener.failed(error);
      },
    );
  }

  #set(run: RunView): void {
    this.#run = run;
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#run === null || this.#run === this.#told) return;
      const previous = this.#told;
      this.#told = this.#run;
      this.listener.changed(this.#run, previous);
    });
  }
}
