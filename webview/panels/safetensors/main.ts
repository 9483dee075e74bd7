/** The safetensors page: a searchable tree of tensors from the headers, and the values of the one that is chosen. */
import * as z from "zod/mini";
import { format, h, RAMP_NAMES, type RampName } from "../../charts/index.ts";
import { button, details as disclosure } from "../../controls/index.ts";
import type { InspectionView, TensorView } from "../../messages.ts";
import { Bridge, RequestError } from "../bridge.ts";
import { createStates, pageRoot } from "../frame.ts";
import { DetailsView } from "./details.ts";
import { Sparsity } from "./sparsity.ts";
import { splitter } from "./splitter.ts";
import { branchesTo, buildTree, filterTree, type TreeNode } from "./tree.ts";
import { TreeView } from "./treeView.ts";

const stateSchema = z.object({
  tensor: z.nullable(z.string()),
  expanded: z.array(z.string()),
  search: z.string(),
  ramp: z.enum(RAMP_NAMES),
  /** Percent of the page that the tree has, where it was moved. */
  split: z.optional(z.number()),
});
type State = z.output<typeof stateSchema>;

const bridge = new Bridge();
const kept = stateSchema.safeParse(bridge.saved());
let state: State = kept.success
  ? kept.data
  : { tensor: null, expanded: [], search: "", ramp: "viridis" };

const root = pageRoot();
root.classList.add("safetensors");
const states = createStates(root);
let page: Page | null = null;

bridge.start((event) => {
  if (event.type !== "show") return;
  if (event.tensor != null) state = { ...state, tensor: event.tensor };
  if (page === null) load();
  else if (event.tensor != null) page.reveal(event.tensor);
});

function load(): void {
  states.loading("Reading headers");
  bridge.request("inspect", {}).then(
    (inspection) => {
      if (inspection.tensors.length === 0) {
        states.empty("No tensors.", "This file holds a header without any tensor in it.");
      } else page = new Page(inspection);
    },
    (error: unknown) => {
      states.failed("This file cannot be shown.", error, load);
    },
  );
}

function keep(change: Partial<State>): void {
  state = { ...state, ...change };
  bridge.save(state);
}

class Page {
  readonly #tree: readonly TreeNode[];
  readonly #byName: ReadonlyMap<string, TensorView>;
  readonly #view: TreeView;
  readonly #details: DetailsView;
  readonly #sparsity = new Sparsity();
  readonly #found = h("span", { class: "panel-level", role: "status" });
  readonly #counting = h("div", { class: "panel-group" });

  constructor(private readonly inspection: InspectionView) {
    this.#tree = buildTree(inspection.tensors);
    this.#byName = new Map(inspection.tensors.map((tensor) => [tensor.name, tensor]));
    // A first look at something: one level open, so that the layers are there to be seen.
    const expanded = kept.success ? state.expanded : this.#tree.slice(0, 3).map((n) => n.path);
    this.#view = new TreeView(
      {
        onSelect: (tensor) => {
          this.#select(tensor);
        },
        onExpanded: (paths) => {
          keep({ expanded: [...paths] });
        },
        sparsityOf: (node) => this.#sparsity.of(node),
      },
      expanded,
    );
    this.#details = new DetailsView(bridge, inspection, {
      ramp: state.ramp,
      onRamp: (ramp: RampName) => {
        keep({ ramp });
      },
      onStatistics: (tensor, { statistics }) => {
        this.#sparsity.set(tensor, statistics);
        this.#view.refresh();
      },
    });
    const search = h("input", {
      class: "panel-input tree-search",
      type: "search",
      placeholder: "Search tensors, e.g. layers.3 down",
      "aria-label": "Search tensors",
      value: state.search,
    });
    search.addEventListener("input", () => {
      keep({ search: search.value });
      this.#filter();
    });
    this.#offerCounting();
    root.replaceChildren(
      h(
        "section",
        { class: "browser", "aria-label": "Contents" },
        h("div", { class: "browser-head" }, search, this.#found),
        h("p", { class: "panel-level browser-sum" }, sumWords(inspection)),
        ...remarks(inspection),
        treeHead(),
        this.#view.element,
        this.#counting,
      ),
      splitter(root, state.split, (split) => {
        keep({ split });
      }),
      this.#details.element,
    );
    this.#filter();
    if (state.tensor !== null) this.reveal(state.tensor);
  }

  reveal(tensor: string): void {
    const known = this.#byName.get(tensor);
    if (known === undefined) return;
    this.#view.reveal(tensor, branchesTo(this.#tree, tensor));
    this.#select(tensor);
  }

  #select(name: string): void {
    const tensor = this.#byName.get(name);
    if (tensor === undefined) return;
    keep({ tensor: name });
    this.#details.show(tensor);
  }

  #filter(): void {
    const searching = state.search.trim() !== "";
    const nodes = filterTree(this.#tree, state.search);
    this.#view.show(nodes, searching);
    const found = nodes.reduce((n, node) => n + node.count, 0);
    this.#found.textContent = searching ? `${format.count(found)} found` : "";
  }

  /** Zeros take reading everything: on request only, tensor by tensor, and it can be stopped. */
  #offerCounting(): void {
    this.#counting.replaceChildren(
      button({
        label: "Count Zeros of All",
        onClick: () => {
          void this.#count();
        },
      }),
      h("span", { class: "panel-level" }, "reads all values"),
    );
  }

  async #count(): Promise<void> {
    const stop = new AbortController();
    const status = h("span", { class: "panel-level", role: "status" });
    this.#counting.replaceChildren(
      button({
        label: "Stop",
        onClick: () => {
          stop.abort();
        },
      }),
      status,
    );
    const open = this.inspection.tensors.filter(({ name }) => !this.#sparsity.has(name));
    const total = open.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    try {
      for (const { name, bytes } of open) {
        status.textContent = `${format.bytes(done)} of ${format.bytes(total)} read`;
        await bridge.request("statistics", { tensor: name }, stop.signal).then(
          ({ statistics }) => {
            this.#sparsity.set(name, statistics);
          },
          (error: unknown) => {
            // Packed types have no values to count.
            if (!(error instanceof RequestError && error.code === "checkpoint/no-statistics"))
              throw error;
          },
        );
        done += bytes;
        this.#view.refresh();
      }
      this.#counting.replaceChildren();
    } catch (error) {
      this.#offerCounting();
      if (!(error instanceof RequestError && error.code === "cancelled")) {
        const message = error instanceof Error ? error.message : String(error);
        this.#counting.append(h("span", { class: "panel-error", role: "alert" }, message));
      }
    }
  }
}

function treeHead(): HTMLElement {
  return h(
    "div",
    { class: "tree-head", "aria-hidden": "true" },
    h("span", {}, "name"),
    h("span", {}, "type"),
    h("span", {}, "shape"),
    h("span", {}, "size"),
    h("span", {}, "zeros"),
  );
}

function sumWords({ tensors, files, modelType }: InspectionView): string {
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const parts = [
    `${format.count(tensors.length)} ${tensors.length === 1 ? "tensor" : "tensors"}`,
    format.bytes(bytes),
    ...(files.length > 1 ? [`${files.length} files`] : []),
    ...(modelType === null ? [] : [modelType]),
  ];
  return parts.join(" · ");
}

function remarks({ notes, metadata }: InspectionView): HTMLElement[] {
  const entries = Object.entries(metadata);
  return [
    ...notes.map((note) => h("p", { class: "dr-note browser-note" }, note)),
    ...(entries.length === 0
      ? []
      : [
          disclosure(
            `Metadata (${entries.length})`,
            h(
              "div",
              { class: "browser-metadata" },
              ...entries.map(([key, value]) => h("p", {}, h("strong", {}, key), ` ${value}`)),
            ),
          ),
        ]),
  ];
}
