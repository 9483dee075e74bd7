/**
 * One matrix in several plots that pan and zoom together, from the whole down to single weights. Pointer, wheel and
 * keys change one view; a frame draws all plots from what the tile store has, and asks it for what is missing.
 */
import { h } from "../charts/index.ts";
import { AXES_MARGIN } from "./axes.ts";
import { drawScene } from "./draw.ts";
import { listen, type Gestures } from "./gestures.ts";
import { levelFor } from "./levels.ts";
import type { ExplorerOptions } from "./options.ts";
import { createPlot, resizePlot, sizeFor, type Plot } from "./plot.ts";
import { readAt, shownCells, type Cursor, type Look, type ShownCell } from "./reading.ts";
import { middleFirst, tilesFor } from "./sceneTiles.ts";
import { TileStore, type WantedTile } from "./tileStore.ts";
import {
  fit,
  pan,
  resized,
  reveal,
  visible,
  weightAt,
  zoom,
  type Point,
  type Size,
  type Viewport,
} from "./viewport.ts";

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
  zoom(factor: number, at?: Point): void {
    this.#change((view) => {
      const about = at ?? this.#pointOfCursor(view) ?? middleOf(this.#size);
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

  #point(at: Point | null): void {
    const view = this.#view;
    this.#cursor =
      at === null || view === null
        ? null
        : (weightAt(view, at, this.options.shape, this.#size) ?? null);
    this.draw();
  }

  #pointOfCursor(view: Viewport): Point | undefined {
    const cursor = this.#cursor;
    if (cursor === null) return undefined;
    return {
      x: (cursor.col + 0.5 - view.col) * view.scaleX,
      y: (cursor.row + 0.5 - view.row) * view.scaleY,
    };
  }

  /** Moves the cross-hair by cells of what is seen: by a weight where weights are. */
  #step(rows: number, cols: number): void {
    const view = this.#view;
    if (view === null) return;
    const { shape } = this.options;
    const stride = 2 ** Math.max(0, levelFor(Math.min(view.scaleX, view.scaleY) / 4));
    const moved =
      this.#cursor === null
        ? weightAt(view, middleOf(this.#size), shape, this.#size)
        : {
            row: clamp(this.#cursor.row + rows * stride, shape.rows),
            col: clamp(this.#cursor.col + cols * stride, shape.cols),
          };
    if (moved === undefined) return;
    this.#cursor = moved;
    this.#change((now) => reveal(now, moved.row, moved.col, shape, this.#size));
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
      const { tiles, fetch } = tilesFor(source, this.#store, { shape, part, level });
      wanted.push(...fetch);
      const context = canvas.getContext("2d");
      if (context === null) continue;
      const ratio = devicePixelRatio;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const font = this.#font;
      drawScene(context, { view, size: this.#size, part, tiles, source, group, font });
    }
    this.#store.want(middleFirst(wanted, part));
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

const middleOf = ({ width, height }: Size): Point => ({ x: width / 2, y: height / 2 });

const clamp = (index: number, count: number): number => Math.max(0, Math.min(count - 1, index));
