/** How the rotations are learned: loss by step as it comes, and what every finished layer gained. */
import {
  type CurveLayer,
  curvesChart,
  depthChart,
  emptyState,
  format,
  h,
  learnedCurves,
} from "../../charts/index.ts";
import { chartBox, type ChartBox } from "../../controls/index.ts";
import type { RunView } from "../../messages.ts";
import { isRotated } from "../../words.ts";
import { curveLayers } from "./curveLayers.ts";

export class LearningView {
  readonly element: HTMLElement;
  readonly #select = h("select", { class: "page-select" });
  readonly #field = h("label", { class: "page-field" }, "Layer ", this.#select);
  readonly #curves: ChartBox;
  readonly #entropy: ChartBox;
  readonly #mass: ChartBox;
  #run: RunView | null = null;
  #curveLayers: readonly CurveLayer[] = [];
  #options = "";
  /** Null follows the rotation being learned. */
  #chosen: number | null = null;

  constructor() {
    this.#select.addEventListener("change", () => {
      this.#chosen = this.#select.value === "" ? null : Number(this.#select.value);
      this.#curves.redraw();
    });
    this.#curves = chartBox((container, width) => {
      this.#drawCurves(container, width);
    });
    this.#entropy = this.#depth("entropy", "entropy, nats", format.tick, false);
    this.#mass = this.#depth("prunedMass", "pruned mass", (v) => format.percent(v, 0), true);
    this.element = h(
      "div",
      {},
      h(
        "section",
        { class: "panel-section" },
        h(
          "div",
          { class: "panel-heading" },
          h("h2", {}, "Loss and entropy of the rotation"),
          this.#field,
        ),
        this.#curves.element,
      ),
      h(
        "div",
        { class: "panel-columns" },
        h(
          "section",
          { class: "panel-section" },
          h("h2", {}, "Entropy by layer"),
          this.#entropy.element,
        ),
        h(
          "section",
          { class: "panel-section" },
          h("h2", {}, "Pruned mass by layer"),
          this.#mass.element,
        ),
      ),
    );
  }

  update(run: RunView): void {
    const previous = this.#run;
    this.#run = run;
    if (previous?.layers !== run.layers || previous.recipe !== run.recipe) {
      this.#entropy.redraw();
      this.#mass.redraw();
    } else if (previous.steps === run.steps) return;
    this.#curveLayers = curveLayers(run);
    this.#list();
    this.#curves.redraw();
  }

  #list(): void {
    const learned = learnedCurves(this.#curveLayers);
    const key = learned.map(({ first, last }) => `${first}-${last}`).join();
    this.#field.hidden = learned.length < 2;
    if (key === this.#options) return;
    this.#options = key;
    this.#select.replaceChildren(
      h("option", { value: "" }, "newest"),
      ...learned.map(({ first, last }) => h("option", { value: first }, format.range(first, last))),
    );
    this.#select.value = this.#chosen === null ? "" : String(this.#chosen);
  }

  #drawCurves(container: HTMLElement, width: number): void {
    const run = this.#run;
    if (run === null) return;
    if (run.recipe !== null && !isRotated(run.recipe)) {
      emptyState(container, "Not rotated: nothing is learned, so there is no loss to show.");
      return;
    }
    if (this.#curveLayers.every(({ curve }) => curve.length === 0)) {
      emptyState(container, "The curve begins with the first step of the first rotation.");
      return;
    }
    const layer = this.#chosen ?? run.steps.at(-1)?.layers[0] ?? this.#curveLayers[0]?.index ?? 0;
    curvesChart(container, this.#curveLayers, { width: Math.min(width, 1200), layer });
  }

  #depth(
    figure: "entropy" | "prunedMass",
    label: string,
    write: (value: number) => string,
    fromZero: boolean,
  ): ChartBox {
    return chartBox((container, width) => {
      const run = this.#run;
      if (run === null) return;
      const points = run.layers.map((layer) => ({ layer: layer.index, ...layer[figure] }));
      const rotated = run.recipe === null || isRotated(run.recipe);
      const layerCount = run.layerCount ?? undefined;
      depthChart(container, points, {
        ...{ width, label, format: write, rotated, fromZero, layerCount },
      });
    });
  }
}
