/**
 * Tells a person how their run ended, with what is useful next. Only runs that were started from this workspace are
 * told of, so that one end is told once; also those that ended while the window was closed.
 */
import { commands, window, type Memento } from "vscode";
import type { Disposable } from "../disposable.ts";
import type { JobInfo, JobState } from "../../daemon/protocol.ts";
import { readSettings } from "../settings.ts";
import type { RunStore } from "./store.ts";
import { firstLine, withShortPath } from "./words.ts";

const AWAITED = "denoise-rotator.awaitedRuns";
/** Dropped records of a daemon's history may leave ids behind. */
const MOST_AWAITED = 50;

const ENDED: readonly JobState[] = ["done", "failed", "interrupted"];

export class Notifications implements Disposable {
  readonly #listener: Disposable;
  readonly #awaited: Set<string>;

  constructor(
    private readonly memory: Memento,
    runs: RunStore,
  ) {
    this.#awaited = new Set(memory.get<string[]>(AWAITED, []));
    this.#listener = runs.onChange((job) => {
      for (const one of job ? [job] : runs.all()) this.#look(one);
    });
  }

  /** The person wants to know how this run ends. */
  await(id: string): void {
    this.#awaited.add(id);
    this.#save();
  }

  dispose(): void {
    this.#listener.dispose();
  }

  #look(job: JobInfo): void {
    if (!this.#awaited.has(job.id)) return;
    if (job.state === "cancelled") this.#forget(job.id);
    if (!ENDED.includes(job.state)) return;
    this.#forget(job.id);
    const { notifications } = readSettings();
    if (notifications === "none" || (notifications === "failures" && job.state === "done")) return;
    void tell(job);
  }

  #forget(id: string): void {
    this.#awaited.delete(id);
    this.#save();
  }

  #save(): void {
    void this.memory.update(AWAITED, [...this.#awaited].slice(-MOST_AWAITED));
  }
}

async function tell(job: JobInfo): Promise<void> {
  const { title, state, result, error } = job;
  const act = async (shown: Thenable<string | undefined>) => {
    const command = (await shown) ?? "";
    const id = Object.hasOwn(ACTIONS, command) ? ACTIONS[command as keyof typeof ACTIONS] : null;
    if (id !== null) await commands.executeCommand(id, { job: job.id });
  };
  if (result?.kind === "evaluate") {
    const { perplexity, tokens, seqLen } = result;
    await act(
      window.showInformationMessage(
        `${title}: ${perplexity.toPrecision(5)} over ${tokens.toLocaleString("en")} tokens in windows of ${seqLen}.`,
        "Show Log",
      ),
    );
  } else if (result?.kind === "prune") {
    const zeros = (result.sparsity * 100).toFixed(1);
    await act(
      window.showInformationMessage(
        `${title} is done: ${zeros} % of the pruned matrices are zeros.`,
        "Open Heatmaps",
        "Open Report",
        "Open Output Folder",
      ),
    );
  } else if (state === "interrupted") {
    await act(
      window.showWarningMessage(
        `${title} was interrupted: the daemon or the machine went down. Finished layers are kept.`,
        "Resume",
        "Show Log",
      ),
    );
  } else {
    const why = withShortPath(firstLine(error?.message ?? "it failed"));
    await act(
      window.showErrorMessage(
        `${title} failed: ${why}`,
        ...(job.resumable ? (["Resume", "Show Log"] as const) : (["Show Log"] as const)),
      ),
    );
  }
}

const ACTIONS = {
  "Open Heatmaps": "denoise-rotator.openHeatmaps",
  "Open Report": "denoise-rotator.openReport",
  "Open Output Folder": "denoise-rotator.openOutput",
  Resume: "denoise-rotator.resume",
  "Show Log": "denoise-rotator.showLog",
} as const;
