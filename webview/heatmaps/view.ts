/** The linked heatmaps of one pruned matrix with their read-out, legends and notes; the next matrix takes their place. */
import type { MatrixReport } from "../../daemon/report.ts";
import { h, type RampName, RAMPS } from "../charts/index.ts";
import { button } from "../controls/index.ts";
import { AXES_MARGIN, Explorer, type Viewport } from "../matrix/index.ts";
import type { MatrixId, MatrixTileKind, Params, RunView, Tile } from "../messages.ts";
import { isRotated } from "../words.ts";
import { matrixCsv } from "./csv.ts";
import { matrixPlots } from "./plots.ts";
import { describeCursor } from "./readout.ts";
import { exactNote, legends, resolution, summary } from "./words.ts";

/** What a person chose of the look; pages keep it over a reload. */
export interface HeatmapLook {
  readonly ramp: RampName;
  /** Null: the whole matrix. */
  readonly view: Viewport | null;
}

export interface HeatmapSource {
  readonly matrix: MatrixReport;
  readonly id: MatrixId;
  readonly run: RunView;
}

export interface HeatmapOptions {
  readonly look: HeatmapLook;
  /** Comes with every movement. */
  readonly onLook: (look: HeatmapLook) => void;
  readonly fetch: (asked: Params<"matrixTile">, signal: AbortSignal) => Promise<Tile>;
}

/** A chart to be saved: its legends, its axes, and the pixels they frame. */
interface Picture {
  readonly title: string;
  readonly legends: readonly Element[];
  readonly svg: SVGSVGElement;
  readonly canvas: {
    readonly element: HTMLCanvasElement;
    readonly left: number;
    readonly top: number;
  };
}

export class HeatmapView {
  readonly heading = h("h2", { class: "panel-matrix-name" });
  /** How fine the picture is. */
  readonly level = h("span", { class: "panel-level", role: "status" });
  readonly zooms = h(
    "div",
    { class: "panel-group", role: "group", "aria-label": "Zoom" },
    button({ label: "−", name: "Zoom out", onClick: () => this.#explorer?.zoom(1 / 1.5) }),
    button({ label: "+", name: "Zoom in", onClick: () => this.#explorer?.zoom(1.5) }),
    button({ label: "Whole matrix", onClick: () => this.#explorer?.reset() }),
  );
  /** Shape, entropy, pruned mass and sparsity in a line. */
  readonly figures = h("p", { class: "dr-readout panel-figures" });
  readonly #stage = h("div");
  readonly #readout = h("p", { class: "dr-readout panel-readout", "aria-live": "polite" });
  readonly #scales = h("div", { class: "dr-legends" });
  readonly #note = h("p", { class: "dr-note" });
  readonly #hint = h(
    "span",
    { class: "dr-hint" },
    "Drag to move, wheel or double click to zoom. With the keyboard: arrows move, + and − zoom, 0 shows all, Shift and arrows move the cross-hair.",
  );
  readonly #again = button({
    label: "Try Again",
    onClick: () => {
      this.retry();
    },
  });
  /** The plots and what is said about them, in this order. */
  readonly parts: readonly HTMLElement[] = [this.#stage, this.#readout, this.#scales, this.#note];
  #look: HeatmapLook;
  #source: HeatmapSource | null = null;
  #explorer: Explorer<MatrixTileKind> | null = null;

  constructor(private readonly options: HeatmapOptions) {
    this.#look = options.look;
  }

  /** The view stays where the shapes are the same: layers are compared in one place. */
  show(source: HeatmapSource): void {
    const before = this.#source?.matrix.shape ?? source.matrix.shape;
    const same = before.every((size, axis) => size === source.matrix.shape[axis]);
    if (!same) this.#setLook({ view: null });
    this.#source = source;
    this.#draw();
  }

  recolour(ramp: RampName): void {
    this.#setLook({ ramp });
    this.#draw();
  }

  /** Asks again for tiles that failed. */
  retry(): void {
    this.#explorer?.retry();
  }

  pictures(): Picture[] {
    const scales = [...this.#scales.children];
    const shown = this.#explorer?.pictures() ?? [];
    return shown.map(({ title, canvas, axes }, i) => ({
      title: i === 0 ? `${this.heading.textContent}: ${title}` : title,
      // The importances' legend under the first plot, the mask's under the last.
      legends: scales.filter((_, k) => i === (k === 0 ? 0 : shown.length - 1)),
      svg: axes,
      canvas: { element: canvas, left: AXES_MARGIN.left, top: AXES_MARGIN.top },
    }));
  }

  /** What is in view, a line for each weight or cell. */
  csv(): string {
    return this.#explorer === null ? "" : matrixCsv(this.#explorer.values());
  }

  #setLook(change: Partial<HeatmapLook>): void {
    this.#look = { ...this.#look, ...change };
    this.options.onLook(this.#look);
  }

  #draw(): void {
    if (this.#source === null) return;
    const { matrix, id, run } = this.#source;
    const [rows, cols] = matrix.shape;
    const pattern = run.recipe?.pattern;
    const rotated = run.recipe === null || isRotated(run.recipe);
    const plots = matrixPlots(matrix, rotated, RAMPS[this.#look.ramp]);
    const name = `Layer ${id.layer} · ${id.role}`;
    this.heading.textContent = name;
    this.figures.replaceChildren(...summary(matrix));
    this.#note.textContent = exactNote(undefined, run, id);
    this.#explorer?.dispose();
    this.#explorer = new Explorer<MatrixTileKind>({
      shape: { rows, cols },
      axes: { rows: "output row", cols: "input column" },
      plots: plots.plots,
      group: pattern?.kind === "nm" ? pattern.of : 0,
      label: name,
      view: this.#look.view,
      fetch: ({ kind, address }, signal) => {
        const { rows, cols } = address;
        return this.options.fetch(
          {
            layer: id.layer,
            role: id.role,
            kind,
            rows: [rows[0], rows[1]],
            cols: [cols[0], cols[1]],
          },
          signal,
        );
      },
      onView: (view) => {
        this.#setLook({ view });
      },
      onExact: (exact) => {
        const { importance, overviewExact } = plots;
        this.#scales.replaceChildren(...legends(importance(exact), overviewExact || exact));
        this.level.textContent = resolution(matrix, exact);
      },
      onCursor: (cursor, readings) => {
        if (cursor !== null) this.#readout.replaceChildren(...describeCursor(cursor, readings));
        else if (!this.#hint.isConnected) this.#readout.replaceChildren(this.#hint);
      },
      onTiles: (store) => {
        const importance = store.failure("after") ?? store.failure("before");
        this.#note.textContent = exactNote(importance, run, id);
        const written = store.failure("written") ?? store.failure("zeros");
        if (written !== undefined)
          this.#note.append(` The written weights cannot be read: ${written.message}`);
        if (store.failed !== undefined) this.#note.append(" ", this.#again);
      },
    });
    this.#stage.replaceChildren(this.#explorer.element);
  }
}
