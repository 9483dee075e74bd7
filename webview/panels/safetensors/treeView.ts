/**
 * The tree on the page. Only the lines in view are elements, so a hundred thousand tensors scroll like ten; for screen
 * readers it is a tree all the same, whose active line is named by `aria-activedescendant`.
 */
import { format, h } from "../../charts/index.ts";
import { rowsOf, type TreeNode, type TreeRow } from "./tree.ts";

export interface TreeViewOptions {
  /** A tensor was chosen. */
  readonly onSelect: (tensor: string) => void;
  readonly onExpanded: (paths: ReadonlySet<string>) => void;
  /** Share of zeros below a node, where it has been counted. */
  readonly sparsityOf: (node: TreeNode) => number | undefined;
}

/** Pixels; the style sheet has the same. */
const ROW = 24;
const AROUND = 8;

export class TreeView {
  readonly element: HTMLElement;
  readonly #rows = h("div", { class: "tree-rows" });
  readonly #space = h("div", { class: "tree-space" }, this.#rows);
  #nodes: readonly TreeNode[] = [];
  #shown: TreeRow[] = [];
  /** Every branch is open, whatever was closed by hand: while something is searched. */
  #allOpen = false;
  #expanded: Set<string>;
  #active = 0;
  /** Between press and release on a row: its element must stay, or there will be no click. */
  #pressed = false;
  #selected: string | null = null;

  constructor(
    private readonly options: TreeViewOptions,
    expanded: Iterable<string>,
  ) {
    this.#expanded = new Set(expanded);
    this.element = h(
      "div",
      { class: "tree", role: "tree", tabindex: 0, "aria-label": "Tensors" },
      this.#space,
    );
    this.element.addEventListener("scroll", () => {
      this.draw();
    });
    this.element.addEventListener("keydown", (event) => {
      if (this.#key(event.key)) event.preventDefault();
    });
    this.element.addEventListener("click", (event) => {
      this.#click(event);
    });
    this.element.addEventListener("pointerdown", (event) => {
      if (rowAt(event) === null) return;
      this.#pressed = true;
      const released = new AbortController();
      const { signal } = released;
      for (const end of ["pointerup", "pointercancel"]) {
        window.addEventListener(
          end,
          () => {
            released.abort();
            // After the click, which follows at once.
            setTimeout(() => {
              this.#pressed = false;
              this.draw();
            });
          },
          { signal },
        );
      }
    });
    new ResizeObserver(() => {
      this.draw();
    }).observe(this.element);
  }

  /** @param allOpen show everything below, as a search does */
  show(nodes: readonly TreeNode[], allOpen: boolean): void {
    this.#nodes = nodes;
    this.#allOpen = allOpen;
    this.#list();
    this.#active = Math.max(
      0,
      this.#shown.findIndex(({ node }) => node.tensor?.name === this.#selected),
    );
    this.draw();
  }

  /** Selects a tensor whose branches are given, and scrolls to it. */
  reveal(tensor: string, branches: readonly string[]): void {
    for (const path of branches) this.#expanded.add(path);
    this.#selected = tensor;
    this.#list();
    const at = this.#shown.findIndex(({ node }) => node.tensor?.name === tensor);
    if (at >= 0) this.#activate(at);
    else this.draw();
  }

  /** Figures changed. */
  refresh(): void {
    if (!this.#pressed) this.draw();
  }

  draw(): void {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - AROUND);
    const last = Math.min(this.#shown.length, Math.ceil((scrollTop + clientHeight) / ROW) + AROUND);
    this.#space.style.height = `${this.#shown.length * ROW}px`;
    this.#rows.style.transform = `translateY(${first * ROW}px)`;
    this.#rows.replaceChildren(
      ...this.#shown.slice(first, last).map((row, i) => this.#row(row, first + i)),
    );
    if (this.#shown.length > 0) {
      this.element.setAttribute("aria-activedescendant", `row-${this.#active}`);
    }
  }

  #list(): void {
    this.#shown = rowsOf(this.#nodes, (path) => this.#allOpen || this.#expanded.has(path));
    this.#active = Math.min(this.#active, Math.max(0, this.#shown.length - 1));
  }

  #row({ node, level, expanded, position, siblings }: TreeRow, index: number): HTMLElement {
    const { tensor } = node;
    const selected = tensor !== null && tensor.name === this.#selected;
    const branch = node.children.length > 0;
    const sparsity = this.options.sparsityOf(node);
    const name = h("span", { class: "tree-name", title: node.path }, node.label);
    name.style.paddingLeft = `${(level - 1) * 14 + 4}px`;
    name.prepend(
      h("span", { class: "tree-twist", "aria-hidden": "true" }, twist(branch, expanded)),
    );
    return h(
      "div",
      {
        id: `row-${index}`,
        class: `tree-row${index === this.#active ? " tree-active" : ""}${selected ? " tree-selected" : ""}`,
        role: "treeitem",
        "data-row": index,
        "aria-level": level,
        "aria-posinset": position,
        "aria-setsize": siblings,
        "aria-expanded": branch ? String(expanded) : undefined,
        "aria-selected": String(selected),
      },
      name,
      h("span", { class: "tree-dtype" }, tensor?.dtype ?? ""),
      h(
        "span",
        { class: "tree-shape" },
        tensor === null
          ? `${format.count(node.count)} ${node.count === 1 ? "tensor" : "tensors"}`
          : tensor.shape.length === 0
            ? "scalar"
            : tensor.shape.join(" × "),
      ),
      h("span", { class: "tree-bytes" }, format.bytes(node.bytes)),
      h(
        "span",
        { class: "tree-zeros" },
        sparsity === undefined ? "" : format.percent(sparsity, sparsity > 0 ? 1 : 0),
      ),
    );
  }

  #click(event: MouseEvent): void {
    const index = Number(rowAt(event)?.dataset.row ?? -1);
    const shown = this.#shown[index];
    if (shown === undefined) return;
    this.#active = index;
    if (shown.node.children.length > 0) this.#toggle(shown);
    else this.#choose(shown);
  }

  /** @returns whether the key meant something */
  #key(key: string): boolean {
    const row = this.#shown[this.#active];
    if (row === undefined) return false;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    switch (key) {
      case "ArrowDown":
        return this.#activate(this.#active + 1);
      case "ArrowUp":
        return this.#activate(this.#active - 1);
      case "PageDown":
        return this.#activate(this.#active + page);
      case "PageUp":
        return this.#activate(this.#active - page);
      case "Home":
        return this.#activate(0);
      case "End":
        return this.#activate(this.#shown.length - 1);
      case "ArrowRight":
        if (row.node.children.length === 0) return true;
        if (row.expanded) return this.#activate(this.#active + 1);
        this.#toggle(row);
        return true;
      case "ArrowLeft":
        if (row.expanded && !this.#allOpen) this.#toggle(row);
        else this.#activate(this.#parent());
        return true;
      case "Enter":
      case " ":
        if (row.node.tensor === null) this.#toggle(row);
        else this.#choose(row);
        return true;
      default:
        return false;
    }
  }

  #parent(): number {
    const level = this.#shown[this.#active]?.level ?? 1;
    for (let i = this.#active - 1; i >= 0; i--) {
      if ((this.#shown[i]?.level ?? level) < level) return i;
    }
    return this.#active;
  }

  #activate(index: number): true {
    this.#active = Math.max(0, Math.min(this.#shown.length - 1, index));
    const top = this.#active * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight)
      this.element.scrollTop = top + ROW - clientHeight;
    this.draw();
    return true;
  }

  #toggle({ node, expanded }: TreeRow): void {
    if (this.#allOpen) return;
    if (expanded) this.#expanded.delete(node.path);
    else this.#expanded.add(node.path);
    this.options.onExpanded(this.#expanded);
    this.#list();
    this.draw();
  }

  #choose({ node }: TreeRow): void {
    if (node.tensor === null) return;
    this.#selected = node.tensor.name;
    this.draw();
    this.options.onSelect(node.tensor.name);
  }
}

const rowAt = ({ target }: Event): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>("[data-row]") : null;

const twist = (branch: boolean, expanded: boolean): string =>
  branch ? (expanded ? "⌄" : "›") : "";
