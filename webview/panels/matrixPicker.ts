/** Choosing one matrix of a run: its layer from a list with steps to its neighbours, its role from the seven. */
import { h } from "../charts/index.ts";
import { button, segmented } from "../controls/index.ts";
import { ROLES } from "../../daemon/vocabulary.ts";
import type { MatrixId, RunView } from "../messages.ts";

export class MatrixPicker {
  readonly element: HTMLElement;
  readonly #select = h("select", { class: "page-select", "aria-label": "Layer" });
  readonly #roles: HTMLElement;
  readonly #back: HTMLButtonElement;
  readonly #forth: HTMLButtonElement;
  #options = "";

  constructor(
    private selected: MatrixId,
    private readonly onPick: (id: MatrixId) => void,
  ) {
    this.#select.addEventListener("change", () => {
      this.#pick({ ...this.selected, layer: Number(this.#select.value) });
    });
    this.#back = button({
      label: "‹",
      name: "Layer before",
      onClick: () => {
        this.#step(-1);
      },
    });
    this.#forth = button({
      label: "›",
      name: "Next layer",
      onClick: () => {
        this.#step(1);
      },
    });
    this.#roles = segmented(
      "Matrix",
      ROLES.map((role) => ({ value: role, label: role })),
      selected.role,
      (role) => {
        this.#pick({ ...this.selected, role });
      },
    );
    const layers = h("div", { class: "panel-group" }, this.#back, this.#select, this.#forth);
    this.element = h("div", { class: "panel-group panel-picker" }, layers, this.#roles);
  }

  /** The layers there are, and which is shown; unfinished ones are listed but cannot be chosen. */
  update({ layerCount, layers }: RunView, selected: MatrixId): void {
    this.selected = selected;
    const done = new Set(layers.map(({ index }) => index));
    const count = Math.max(layerCount ?? 0, ...[...done].map((i) => i + 1));
    const options = `${count}:${[...done].join()}`;
    if (options !== this.#options) {
      this.#options = options;
      this.#select.replaceChildren(
        ...Array.from({ length: count }, (_, i) =>
          h("option", { value: i, disabled: !done.has(i) }, `Layer ${i}`),
        ),
      );
    }
    this.#select.value = String(selected.layer);
    this.#back.disabled = !layers.some(({ index }) => index < selected.layer);
    this.#forth.disabled = !layers.some(({ index }) => index > selected.layer);
    for (const input of this.#roles.querySelectorAll("input")) {
      input.checked = input.value === selected.role;
    }
    this.#known = [...done].toSorted((a, b) => a - b);
  }

  #known: readonly number[] = [];

  #step(by: -1 | 1): void {
    const next =
      by > 0
        ? this.#known.find((i) => i > this.selected.layer)
        : this.#known.findLast((i) => i < this.selected.layer);
    if (next !== undefined) this.#pick({ ...this.selected, layer: next });
  }

  #pick(id: MatrixId): void {
    this.selected = id;
    this.onPick(id);
  }
}

/** The matrix to start with: as asked, else where rotation did most, else the first there is. */
export function startingMatrix(run: RunView, asked: MatrixId | null): MatrixId | null {
  if (asked !== null && run.layers.some(({ index }) => index === asked.layer)) return asked;
  let best: MatrixId | null = null;
  let gain = Number.NEGATIVE_INFINITY;
  for (const { index, matrices } of run.layers) {
    for (const role of ROLES) {
      const { before, after } = matrices[role].prunedMass;
      if (before - after <= gain) continue;
      gain = before - after;
      best = { layer: index, role };
    }
  }
  return best;
}
