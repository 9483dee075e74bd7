/**
 * The matrix of the chosen cell, below the map: there at once, while a tab of its own would first have to be opened by
 * the workbench. What was shown stays until the next is there.
 */
import { h } from "../../charts/index.ts";
import { button } from "../../controls/index.ts";
import { HeatmapView, type HeatmapLook } from "../../heatmaps/index.ts";
import type { MatrixId, RunView } from "../../messages.ts";
import type { Bridge } from "../bridge.ts";
import { createStates } from "../frame.ts";
import { MatrixRequest } from "../matrixRequest.ts";

/** What is answered sooner is not announced: it would only make the page jump. */
const ANNOUNCE_AFTER_MS = 100;

export interface BelowOptions {
  readonly bridge: Bridge;
  readonly look: HeatmapLook;
  readonly onLook: (look: HeatmapLook) => void;
  readonly onClose: () => void;
}

export class MatrixBelow {
  readonly element: HTMLElement;
  readonly #states = createStates(h("div"));
  readonly #content: HTMLElement;
  readonly #heatmaps: HeatmapView;
  readonly #request: MatrixRequest;
  #announcing = 0;
  #shown: MatrixId | null = null;

  constructor({ bridge, look, onLook, onClose }: BelowOptions) {
    this.#request = new MatrixRequest(bridge);
    this.#heatmaps = new HeatmapView({
      look,
      onLook,
      fetch: (asked, signal) => bridge.request("matrixTile", asked, signal),
    });
    // The map says the figures of what is chosen.
    const { heading, level, zooms, parts } = this.#heatmaps;
    const tab = button({
      label: "Open in Its Own Tab",
      onClick: () => {
        if (this.#shown !== null) bridge.post({ type: "open", view: "matrix", at: this.#shown });
      },
    });
    const close = button({ label: "×", name: "Close the matrix", onClick: onClose });
    const actions = h("div", { class: "panel-group panel-push" }, tab, close);
    this.#content = h(
      "div",
      { hidden: true },
      h("div", { class: "panel-heading" }, heading, level, zooms, actions),
      ...parts,
    );
    this.element = h(
      "section",
      { class: "map-below", "aria-label": "The chosen matrix", hidden: true },
      this.#states.body,
      this.#content,
    );
  }

  /** @param drawn called when the matrix has taken its place in the page */
  show(run: RunView, id: MatrixId, drawn: () => void): void {
    clearTimeout(this.#announcing);
    this.element.hidden = false;
    this.#announcing = window.setTimeout(() => {
      this.#states.loading(`Asking for layer ${id.layer} · ${id.role}`);
    }, ANNOUNCE_AFTER_MS);
    const settled = (shown: MatrixId | null): void => {
      clearTimeout(this.#announcing);
      this.#states.show();
      this.#shown = shown;
      this.#content.hidden = shown === null;
    };
    this.#request.ask(
      id,
      (matrix) => {
        settled(id);
        this.#heatmaps.show({ matrix, id, run });
        drawn();
      },
      (error) => {
        settled(null);
        this.#states.failed(`Layer ${id.layer} · ${id.role} cannot be shown.`, error, () => {
          this.show(run, id, drawn);
        });
      },
    );
  }

  /** Asks again for tiles that failed. */
  retry(): void {
    this.#heatmaps.retry();
  }

  hide(): void {
    clearTimeout(this.#announcing);
    this.#request.drop();
    this.#states.show();
    this.#shown = null;
    this.element.hidden = true;
  }
}
