/** The Runs view: runs by state, and under each run its finished layers. */
import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
} from "vscode";
import type { Disposable } from "../disposable.ts";
import { DETAIL, type JobInfo, type JobState, type LayerSummary } from "../../daemon/protocol.ts";
import { JOB_STATE_NAMES } from "../../daemon/vocabulary.ts";
import type { DaemonClient } from "../daemonClient.ts";
import type { RunStore } from "./store.ts";
import { duration, stageText, standing } from "./words.ts";

export type Node = OfflineNode | RunNode | LayerNode | RemarkNode;
/** Above the runs where the daemon is not there. */
interface OfflineNode {
  readonly type: "offline";
}
export interface RunNode {
  readonly type: "run";
  readonly id: string;
}
interface LayerNode {
  readonly type: "layer";
  readonly job: string;
  readonly layer: LayerSummary;
}
interface RemarkNode {
  readonly type: "remark";
  readonly job: string;
  readonly text: string;
  readonly icon: ThemeIcon;
}

/** What needs a person first. */
const ORDER: readonly JobState[] = [
  "running",
  "queued",
  "interrupted",
  "failed",
  "cancelled",
  "done",
];

/** A run tells about ten times a second; a tree that is drawn so often cannot be clicked. */
const REDRAW_MS = 250;

export class RunTree implements TreeDataProvider<Node>, Disposable {
  readonly #redraws = new EventEmitter<Node | undefined>();
  readonly #nodes = new Map<string, RunNode>();
  readonly #layers = new Map<string, Map<number, LayerSummary>>();
  readonly #stale = new Set<string>();
  readonly #offline: OfflineNode = { type: "offline" };
  readonly #listeners: Disposable[];
  #all = false;
  #timer: NodeJS.Timeout | undefined;

  readonly onDidChangeTreeData = this.#redraws.event;

  constructor(
    private readonly client: DaemonClient,
    private readonly runs: RunStore,
  ) {
    const states = new Map<string, JobState>();
    this.#listeners = [
      runs.onChange((job) => {
        // A change of state moves the run in the list; anything else changes its own line.
        const moved = job === null || states.get(job.id) !== job.state;
        if (job) states.set(job.id, job.state);
        this.#redraw(moved ? null : job.id);
      }),
      client.onState(() => {
        this.#redraw(null);
      }),
      runs.onAttached(() => {
        this.#layers.clear();
      }),
      runs.onUpdates(({ id, updates }) => {
        const layers = this.#layers.get(id);
        for (const update of updates) {
          if (update.type !== "layer") continue;
          layers?.set(update.layer.index, update.layer);
          this.#redraw(id);
        }
      }),
    ];
  }

  getChildren(node?: Node): Node[] | Promise<Node[]> {
    if (!node) return this.#roots();
    return node.type === "run" ? this.#childrenOf(node.id) : [];
  }

  getParent(node: Node): Node | undefined {
    return node.type === "run" || node.type === "offline" ? undefined : this.#node(node.job);
  }

  getTreeItem(node: Node): TreeItem {
    switch (node.type) {
      case "run": {
        const job = this.runs.get(node.id);
        return job ? runItem(job, this.client.state !== "lost") : new TreeItem("");
      }
      case "offline":
        return offlineItem();
      case "layer":
        return layerItem(node);
      case "remark": {
        const item = new TreeItem(node.text);
        item.iconPath = node.icon;
        item.tooltip = node.text;
        return item;
      }
      default:
        return node satisfies never;
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const listener of this.#listeners) listener.dispose();
    this.#redraws.dispose();
  }

  #roots(): Node[] {
    const order = (job: JobInfo) => ORDER.indexOf(job.state);
    const nodes = this.runs
      .all()
      .toSorted((a, b) => order(a) - order(b))
      .map(({ id }) => this.#node(id));
    return this.client.state === "lost" ? [this.#offline, ...nodes] : nodes;
  }

  /** The same object for the same run: VS Code keeps what is expanded by it. */
  #node(id: string): RunNode {
    const node = this.#nodes.get(id) ?? { type: "run", id };
    this.#nodes.set(id, node);
    return node;
  }

  async #childrenOf(id: string): Promise<Node[]> {
    const job = this.runs.get(id);
    if (!job) return [];
    const layers = this.#layers.get(id) ?? (await this.#load(id));
    const nodes: Node[] = [...layers.values()]
      .toSorted((a, b) => a.index - b.index)
      .map((layer) => ({ type: "layer", job: id, layer }));
    const remark = (text: string, icon: string, color?: string): RemarkNode => ({
      type: "remark",
      job: id,
      text,
      icon: new ThemeIcon(icon, color === undefined ? undefined : new ThemeColor(color)),
    });
    const errors = job.error ? [remark(job.error.message, "error", "errorForeground")] : [];
    const running =
      job.state === "running" && job.progress && this.client.state !== "lost"
        ? [remark(stageText(job.progress), "loading~spin")]
        : [];
    return [...errors, ...nodes, ...running];
  }

  async #load(id: string): Promise<Map<number, LayerSummary>> {
    const { layers } = await this.client.request(DETAIL, { id });
    const map = new Map(layers.map((layer) => [layer.index, layer]));
    this.#layers.set(id, map);
    return map;
  }

  /** @param id null for the list itself */
  #redraw(id: string | null): void {
    if (id === null) this.#all = true;
    else this.#stale.add(id);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#all) this.#redraws.fire(undefined);
      else for (const stale of this.#stale) this.#redraws.fire(this.#node(stale));
      this.#all = false;
      this.#stale.clear();
    }, REDRAW_MS);
  }
}

function offlineItem(): TreeItem {
  const item = new TreeItem("Disconnected");
  item.description = "Click to connect";
  item.iconPath = new ThemeIcon("debug-disconnect", new ThemeColor("list.warningForeground"));
  item.tooltip = "The daemon is not there: what its runs do is not known.";
  item.accessibilityInformation = { label: "Disconnected from the daemon. Connect" };
  item.contextValue = "offline";
  item.command = { title: "Connect", command: "denoise-rotator.reconnect" };
  return item;
}

/** @param connected where not, an active run is shown as it was when it was last heard of */
function runItem(job: JobInfo, connected: boolean): TreeItem {
  const { state, request, title } = job;
  const known = connected || (state !== "running" && state !== "queued");
  const stands = known ? standing(job) : `last heard: ${standing(job)}`;
  const open =
    request.kind === "evaluate"
      ? TreeItemCollapsibleState.None
      : TreeItemCollapsibleState.Collapsed;
  const item = new TreeItem(
    title,
    state === "running" && request.kind === "prune" ? TreeItemCollapsibleState.Expanded : open,
  );
  item.id = job.id;
  item.description = stands;
  item.iconPath = known ? ICON[state] : new ThemeIcon("question");
  item.contextValue = contextOf(job);
  item.tooltip = tooltip(job);
  item.accessibilityInformation = {
    label: `${title}, ${known ? JOB_STATE_NAMES[state] : "Unknown"}, ${stands}`,
  };
  item.command = {
    title: "Open Run",
    command: "denoise-rotator.openRun",
    arguments: [{ type: "run", id: job.id }],
  };
  return item;
}

/** What the `when` clauses of the view's actions look at: `run prune done`, `run evaluate failed resumable`. */
const contextOf = ({ request, state, resumable }: JobInfo): string =>
  `run ${request.kind} ${state}${resumable ? " resumable" : ""}`;

const ICON: Readonly<Record<JobState, ThemeIcon>> = {
  running: new ThemeIcon("sync~spin"),
  queued: new ThemeIcon("clock"),
  interrupted: new ThemeIcon("debug-disconnect", new ThemeColor("list.warningForeground")),
  failed: new ThemeIcon("error", new ThemeColor("list.errorForeground")),
  cancelled: new ThemeIcon("circle-slash"),
  done: new ThemeIcon("pass-filled", new ThemeColor("charts.green")),
};

function tooltip(job: JobInfo): MarkdownString {
  const text = new MarkdownString();
  const line = (name: string, value: string | null | undefined) => {
    if (value === null || value === undefined || value === "") return;
    text.appendMarkdown(`\n\n**${name}** `);
    text.appendText(value);
  };
  text.appendText(job.title);
  line("State", `${JOB_STATE_NAMES[job.state]}, ${standing(job)}`);
  const { request } = job;
  line(
    "Checkpoint",
    request.kind === "prune" ? request.recipe.checkpoint : request.evaluate.checkpoint,
  );
  line("Output", request.kind === "prune" ? request.recipe.out : null);
  line("Device", job.device);
  line("Created", new Date(job.createdAt).toLocaleString());
  line("Attempt", job.attempt > 1 ? String(job.attempt) : null);
  if (job.progress) line("Time", duration(job.progress.elapsedSeconds));
  line("Error", job.error?.message);
  return text;
}

function layerItem({ job, layer }: LayerNode): TreeItem {
  // Counted as in the names of tensors.
  const item = new TreeItem(`Layer ${layer.index}`);
  const { before, after } = layer.prunedMass;
  item.id = `${job}/${layer.index}`;
  item.iconPath = new ThemeIcon("symbol-array");
  item.description = `loses ${share(before)} → ${share(after)}`;
  item.tooltip =
    `The pattern deletes ${share(before)} of the importance before rotation, ${share(after)} after. ` +
    "Opens the heatmap of the query matrix.";
  item.accessibilityInformation = {
    label: `Layer ${layer.index}, loses ${share(before)} of the importance before rotation, ${share(after)} after`,
  };
  item.contextValue = "layer";
  item.command = {
    title: "Open Heatmap",
    command: "denoise-rotator.openMatrix",
    arguments: [{ job, layer: layer.index, role: "q" }],
  };
  return item;
}

const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
