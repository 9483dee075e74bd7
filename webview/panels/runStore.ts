/** The run a page shows: asked for once, then kept by what the host tells, and told to the page once a frame. */
import type { MatrixId, RunView } from "../messages.ts";
import type { Bridge } from "./bridge.ts";
import type { Frame } from "./frame.ts";
import { updated, withJob } from "./runState.ts";

/** What differs between the pages; the frame's title and what it says while there is no run are the store's. */
export interface RunListener {
  /** The panel was bound, or the person opened another matrix from elsewhere. */
  shown(at: MatrixId | null): void;
  /** @param run as it is now; `previous` is null the first time, and after everything was asked for anew */
  changed(run: RunView, previous: RunView | null): void;
}

export class RunStore {
  #run: RunView | null = null;
  #told: RunView | null = null;
  #redraw = 0;
  /** Grows with every question: an answer to an older one is dropped. */
  #asked = 0;

  constructor(
    private readonly bridge: Bridge,
    private readonly frame: Frame,
    private readonly listener: RunListener,
  ) {
    bridge.start((event) => {
      switch (event.type) {
        case "show":
          frame.title(event.title);
          listener.shown(event.at);
          if (this.#run === null) this.load();
          return;
        case "job":
          if (event.job === null) {
            frame.empty("This run was removed.", "It is no longer in the history of the daemon.");
          } else if (this.#run !== null) this.#set(withJob(this.#run, event.job));
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
    if (this.#run === null) this.frame.loading("Asking for the run");
    this.bridge.request("run", {}).then(
      (run) => {
        if (asked !== this.#asked) return;
        this.#told = null;
        this.#set(run);
      },
      (error: unknown) => {
        if (asked !== this.#asked || this.#run !== null) return;
        this.frame.failed("This run cannot be shown.", error, () => {
          this.load();
        });
      },
    );
  }

  #set(run: RunView): void {
    this.#run = run;
    // The first is what the page has been waiting for.
    if (this.#told === null) this.#tell();
    else if (this.#redraw === 0) {
      this.#redraw = requestAnimationFrame(() => {
        this.#redraw = 0;
        this.#tell();
      });
    }
  }

  #tell(): void {
    if (this.#run === null || this.#run === this.#told) return;
    const previous = this.#told;
    this.#told = this.#run;
    this.frame.title(this.#run.title);
    this.listener.changed(this.#run, previous);
  }
}
