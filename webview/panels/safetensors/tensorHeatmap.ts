/** One tensor as a heatmap: magnitudes on a log scale, and where there are any, its zeros beside. */
import { ticks } from "d3";
import {
  type ColourScale,
  commonDomain,
  format,
  h,
  maskRamp,
  type RampName,
  RAMPS,
  rampLegend,
} from "../../charts/index.ts";
import { button } from "../../controls/index.ts";
import {
  decodeTile,
  exactly,
  inCell,
  Explorer,
  type DecodedTile,
  type PlotSource,
  type Reading,
} from "../../matrix/index.ts";
import type { StatisticsView, TensorTileKind, TensorView, Tile } from "../../messages.ts";
import type { Bridge } from "../bridge.ts";

/** All dimensions but the last are rows, as the daemon sees it. */
export function matrixShape({ shape }: TensorView): { rows: number; cols: number } {
  const cols = shape.at(-1) ?? 1;
  return { rows: shape.slice(0, -1).reduce((n, size) => n * size, 1), cols };
}

/** Decades of magnitude below the largest that single values are coloured over. */
const DECADES = 3;

export interface TensorHeatmap {
  readonly element: HTMLElement;
  readonly explorer: Explorer<TensorTileKind>;
}

/** @param whole the overview, of kind `magnitude` */
export function tensorHeatmap(
  bridge: Bridge,
  tensor: TensorView,
  whole: Tile,
  { statistics }: StatisticsView,
  ramp: RampName,
): TensorHeatmap {
  const overview = decodeTile("magnitude", whole);
  const magnitude = magnitudePlot(overview, statistics, RAMPS[ramp]);
  const zeros: PlotSource<TensorTileKind> = {
    title: "Zeros",
    gist: `${format.percent(statistics.zerosFraction, 2)} of the values are zero`,
    overview: null,
    kindAt: () => "zeros",
    scale: () => ({ domain: [0, 1], ramp: maskRamp }),
    onScale: (value) => value,
    short: () => "",
  };
  const legends = h("div", { class: "dr-legends" });
  const readout = h("p", { class: "dr-readout panel-readout", "aria-live": "polite" });
  const hint = h(
    "span",
    { class: "dr-hint" },
    "Drag to move, wheel or double click to zoom; with the keyboard: arrows, + and −, 0, Shift and arrows for the cross-hair.",
  );
  const note = h("p", { class: "dr-note", role: "status" });
  const again = button({
    label: "Try Again",
    onClick: () => {
      explorer.retry();
    },
  });
  const { pattern } = statistics;
  const explorer = new Explorer<TensorTileKind>({
    shape: matrixShape(tensor),
    axes: { rows: "row", cols: "column" },
    plots: statistics.zeros > 0 ? [magnitude, zeros] : [magnitude],
    group: pattern?.kind === "nm" ? pattern.of : 0,
    label: tensor.name,
    view: null,
    fetch: ({ kind, address }, signal) =>
      bridge.request(
        "tensorTile",
        {
          tensor: tensor.name,
          kind,
          rows: [address.rows[0], address.rows[1]],
          cols: [address.cols[0], address.cols[1]],
        },
        signal,
      ),
    onView: () => undefined,
    onExact: (exact) => {
      legends.replaceChildren(legend(magnitude.scale(exact), exact || overview.exact));
    },
    onCursor: (cursor, readings) => {
      if (cursor !== null) {
        readout.replaceChildren(
          h("strong", {}, place(cursor.row, cursor.col)),
          ...readings.slice(0, 1).flatMap((r) => (r ? [h("span", {}, words(r))] : [])),
        );
      } else if (!hint.isConnected) readout.replaceChildren(hint);
    },
    onTiles: ({ failed }) => {
      note.replaceChildren(
        ...(failed === undefined
          ? []
          : [`Parts of this tensor cannot be read: ${failed.message} `, again]),
      );
    },
  });
  const zooms = h(
    "div",
    { class: "panel-group", role: "group", "aria-label": "Zoom" },
    button({
      label: "−",
      name: "Zoom out",
      onClick: () => {
        explorer.zoom(1 / 1.5);
      },
    }),
    button({
      label: "+",
      name: "Zoom in",
      onClick: () => {
        explorer.zoom(1.5);
      },
    }),
    button({
      label: "Whole tensor",
      onClick: () => {
        explorer.reset();
      },
    }),
  );
  const element = h("div", {}, zooms, explorer.element, readout, legends, note);
  return { element, explorer };
}

function magnitudePlot(
  overview: DecodedTile,
  { min, max }: StatisticsView["statistics"],
  ramp: ColourScale["ramp"],
): PlotSource<TensorTileKind> {
  const logs = overview.values.map((value) => magnitudeLog(value, overview));
  const finite = logs.filter(Number.isFinite);
  const domain = commonDomain([{ rows: 1, cols: finite.length, values: finite }]);
  const largest = Math.log10(Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0)));
  const fine: readonly [number, number] = Number.isFinite(largest)
    ? [largest - DECADES, largest]
    : domain;
  return {
    title: "Magnitude",
    gist: `up to ${format.fromLog10(largest)}`,
    overview,
    kindAt: () => "magnitude",
    scale: (exact) => ({ domain: exact && !overview.exact ? fine : domain, ramp }),
    onScale: magnitudeLog,
    short: (value) => inCell(value),
  };
}

/** A value itself where a cell is one, else the mean square of the cell's. */
const magnitudeLog = (value: number, { exact }: DecodedTile): number =>
  exact ? Math.log10(Math.abs(value)) : Math.log10(value) / 2;

function legend(scale: ColourScale, exact: boolean): HTMLElement {
  const decades = ticks(...scale.domain, 4).filter(Number.isInteger);
  const title = exact ? "magnitude, log scale" : "root mean square of a cell, log scale";
  return decades.length < 2
    ? rampLegend(scale, title, format.fromLog10, scale.domain)
    : rampLegend(scale, title, format.powerOfTen, decades);
}

const place = (row: number, col: number): string =>
  `row ${format.count(row)}, column ${format.count(col)}`;

function words({ value, tile, rows, cols }: Reading): string {
  if (tile.exact) return exactly(value);
  const cell = `${format.count(rows[1] - rows[0])} × ${format.count(cols[1] - cols[0])} values`;
  return `root mean square of ${cell}: ${value === 0 ? "0" : format.fromLog10(Math.log10(value) / 2)}`;
}
