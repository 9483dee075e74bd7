/**
 * One matrix in several plots that pan and zoom together, from the whole down to single weights. Pointer, wheel and
 * keys change one view; a frame draws all plots from what the tile store has, and asks it for what is missing.
 */
import { h } from "../charts/index.ts";
import type { Range } from "../messages.ts";
import { AXES_MARGIN, type AxisNames } from "./axes.ts";
import { drawScene } from "./draw.ts";
import { listen, type Gestures } from "./gestures.ts";
import { levelFor, tilesOver } from "./levels.ts";
import { createPlot, resizePlot, sizeFor, type Plot } from "./plot.ts";
import {
  readAt,
  shownCells,
  type Cursor,
  type Look,
  type Reading,
  type ShownCell,
} from "./reading.ts";
import type { PlotSource } from "./source.ts";
import type { DecodedTile } from "./tile.ts";
import { TileStore, type FetchTile, type WantedTile } from "./tileStore.ts";
import {
  fit,
  pan,
  resized,
  reveal,
  visible,
  zoom,
  type Shape,
  type Size,
  type Viewport,
} from "./viewport.ts";

export interface ExplorerOptions<Kind extends string> {
  readonly shape: Shape;
  readonly axes: AxisNames;
  readonly plots: readonly PlotSource<Kind>[];
  readonly fetch: FetchTile<Kind>;
  /** Columns of a group of the N:M pattern; 0 for none. */
  readonly group: number;
  /** What the matrix is, for screen readers. */
  readonly label: string;
  /** A view kept from before. */
  readonly view: Viewport | null;
  /** To be kept; comes with every movement. */
  readonly onView: (view: Viewport) => void;
  /** Cells have become single weights, or are no more; comes first of all. */
  readonly onExact: (exact: boolean) => void;
  /** The cross-hair moved, or what is known under it changed; readings are in the order of the plots. */
  readonly onCursor: (cursor: Cursor | null, readings: readonly (Reading | undefined)[]) => void;
  /** Something was fetched, or failed. */
  readonly onTiles: (store: TileStore<Kind>) => void;
}

export class Explorer<Kind extends string> {
  readonly element: HTMLElement;
  readonly #plots: readonly Plot<Kind>[];
  readonly #store: TileStore<Kind>;
  readonly #resize: ResizeObserver;
  #size: Size = { width: 0, height: 0 };
  #view: Viewport | null = null;
  #cursor: Cursor | null = null;
  #frame = 0;
  /** Of values in cells: asking for it in every frame would cost a layout. */
  #font = "11px sans-serif";
  #exact: boolean | null = null;

  constructor(private readonly options: ExplorerOptions<Kind>) {
    this.#store = new TileStore(options.fetch, () => {
      options.onTiles(this.#store);
      this.draw();
    });
    this.#plots = options.plots.map((source) => createPlot(source, options.shape, options.axes));
    this.element = h(
      "div",
      {
        class: "dr-plots",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "heatmap",
        "aria-label": `${options.label}. ${options.plots.map((p) => `${p.title}: ${p.gist}`).join(". ")}. Arrow keys move the view, Shift and arrow keys the cross-hair, plus and minus zoom, 0 shows all.`,
      },
      ...this.#plots.map((plot) =>
        h("figure", { class: "dr-panel" }, h("figcaption", {}, plot.source.title), plot.box),
      ),
    );
    const gestures: Gestures = {
      pan: (dx, dy) => {
        this.#change((view) => pan(view, dx, dy, options.shape, this.#size));
      },
      zoom: (factor, at) => {
        this.zoom(factor, at);
      },
      reset: () => {
        this.reset();
      },
      point: (at) => {
        this.#point(at);
      },
      step: (rows, cols) => {
        this.#step(rows, cols);
      },
    };
    for (const { box } of this.#plots) listen.pointer(box, AXES_MARGIN, gestures);
    listen.keys(this.element, () => this.#size, gestures);
    this.#resize = new ResizeObserver(() => {
      this.#layout();
    });
    this.#resize.observe(this.element);
  }

  /** Asks again for what failed. */
  retry(): void {
    this.#store.retry();
    this.options.onTiles(this.#store);
  }

  /** Zooms about a point of the plot; about the cross-hair, else the middle, where none is given. */
  zoom(factor: number, at?: { readonly x: number; readonly y: number }): void {
    const middle = { x: this.#size.width / 2, y: this.#size.height / 2 };
    this.#change((view) => {
      const cursor = this.#cursor;
      const about =
        at ??
        (cursor === null
          ? middle
          : {
              x: (cursor.col + 0.5 - view.col) * view.scaleX,
              y: (cursor.row + 0.5 - view.row) * view.scaleY,
            });
      return zoom(view, factor, about, this.options.shape, this.#size);
    });
  }

  reset(): void {
    this.#change(() => fit(this.options.shape, this.#size));
  }

  /** Draws at the next frame, once however often it is asked for. */
  draw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  dispose(): void {
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#store.clear();
  }

  /** Canvas and axes of each plot, for pictures to be saved. */
  pictures(): { title: string; canvas: HTMLCanvasElement; axes: SVGSVGElement }[] {
    this.#drawNow();
    return this.#plots.map(({ source, canvas, axes }) => ({
      title: source.title,
      canvas,
      axes: axes.element,
    }));
  }

  /** The cells in view, at the resolution of the finest plot, with what each plot shows there. */
  values(): ShownCell[] {
    const view = this.#view;
    if (view === null) return [];
    const part = visible(view, this.options.shape, this.#size);
    return shownCells(this.#look(), this.options.plots, part);
  }

  #layout(): void {
    const style = getComputedStyle(this.element);
    const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    this.#font = `11px ${style.fontFamily}`;
    // Whole pixels below the width, which may be a fraction: one too many, and the last plot wraps.
    const room = Math.floor(this.element.getBoundingClientRect().width - padding - 0.5);
    if (room <= 0) return;
    const size = sizeFor(this.options.shape, this.#plots.length, room);
    const { shape } = this.options;
    const same = size.width === this.#size.width && size.height === this.#size.height;
    if (this.#view !== null && same) return;
    const before = this.#size;
    this.#size = size;
    this.#view =
      this.#view === null
        ? this.options.view === null
          ? fit(shape, size)
          : zoom(this.options.view, 1, { x: 0, y: 0 }, shape, size)
        : resized(this.#view, shape, before, size);
    for (const plot of this.#plots) resizePlot(plot, size);
    this.#drawNow();
  }

  #change(next: (view: Viewport) => Viewport): void {
    if (this.#view === null) return;
    this.#view = next(this.#view);
    this.options.onView(this.#view);
    this.draw();
  }

  #point(at: { readonly x: number; readonly y: number } | null): void {
    const view = this.#view;
    const { rows, cols } = this.options.shape;
    if (at === null || view === null) this.#cursor = null;
    else {
      const row = Math.floor(view.row + at.y / view.scaleY);
      const col = Math.floor(view.col + at.x / view.scaleX);
      const inside = at.x >= 0 && at.y >= 0 && at.x < this.#size.width && at.y < this.#size.height;
      this.#cursor = inside && row < rows && col < cols ? { row, col } : null;
    }
    this.draw();
  }

  /** Moves the cross-hair by cells of what is seen: by a weight where weights are. */
  #step(rows: number, cols: number): void {
    const view = this.#view;
    if (view === null) return;
    const { shape } = this.options;
    const stride = 2 ** Math.max(0, levelFor(Math.min(view.scaleX, view.scaleY) / 4));
    const from = this.#cursor ?? {
      row: Math.floor(view.row + this.#size.height / view.scaleY / 2),
      col: Math.floor(view.col + this.#size.width / view.scaleX / 2),
    };
    const clamp = (i: number, count: number): number => Math.max(0, Math.min(count - 1, i));
    const moved = this.#cursor === null ? [0, 0] : [rows * stride, cols * stride];
    this.#cursor = {
      row: clamp(from.row + (moved[0] ?? 0), shape.rows),
      col: clamp(from.col + (moved[1] ?? 0), shape.cols),
    };
    const { row, col } = this.#cursor;
    this.#change((now) => reveal(now, row, col, shape, this.#size));
  }

  #level(): number {
    const view = this.#view;
    return view === null ? 0 : levelFor(Math.min(view.scaleX, view.scaleY) * devicePixelRatio);
  }

  #drawNow(): void {
    const view = this.#view;
    if (view === null) return;
    const { shape, group } = this.options;
    const part = visible(view, shape, this.#size);
    const level = this.#level();
    if (this.#exact !== (level === 0)) {
      this.#exact = level === 0;
      this.options.onExact(this.#exact);
    }
    const wanted: WantedTile<Kind>[] = [];
    for (const { source, canvas } of this.#plots) {
      const tiles: { address: WantedTile<Kind>["address"]; tile: DecodedTile }[] = [];
      const kind = source.kindAt(level);
      // What came for a coarser view stands in until the finer tiles are there.
      for (const coarser of [level + 2, level + 1]) {
        const coarse = source.kindAt(coarser);
        if (coarse === undefined) continue;
        for (const address of tilesOver(part, coarser, shape)) {
          const tile = this.#store.get(coarse, address);
          if (tile !== undefined) tiles.push({ address, tile });
        }
      }
      if (kind !== undefined) {
        for (const address of tilesOver(part, level, shape)) {
          const tile = this.#store.get(kind, address);
          if (tile !== undefined) tiles.push({ address, tile });
          wanted.push({ kind, address });
        }
      }
      const context = canvas.getContext("2d");
      if (context === null) continue;
      const ratio = devicePixelRatio;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const font = this.#font;
      drawScene(context, { view, size: this.#size, part, tiles, source, group, font });
    }
    this.#store.want(byDistance(wanted, part));
    const cursor = this.#cursor;
    const look = this.#look();
    const readings = this.#plots.map(({ source }) =>
      cursor === null ? undefined : readAt(look, source, cursor.row, cursor.col),
    );
    for (const [i, plot] of this.#plots.entries()) {
      const cell =
        cursor === null
          ? undefined
          : (readings[i] ?? {
              rows: [cursor.row, cursor.row + 1] as const,
              cols: [cursor.col, cursor.col + 1] as const,
            });
      plot.axes.draw(view, cell);
    }
    this.options.onCursor(cursor, readings);
  }

  #look(): Look<Kind> {
    return { store: this.#store, shape: this.options.shape, level: this.#level() };
  }
}

/** What is in the middle first, the plots in turn. */
function byDistance<Kind extends string>(
  wanted: readonly WantedTile<Kind>[],
  part: { readonly rows: Range; readonly cols: Range },
): WantedTile<Kind>[] {
  const middle = (range: Range): number => (range[0] + range[1]) / 2;
  const distance = ({ address }: WantedTile<Kind>): number =>
    Math.abs(middle(address.rows) - middle(part.rows)) +
    Math.abs(middle(address.cols) - middle(part.cols));
  return wanted.toSorted((a, b) => distance(a) - distance(b));
}
