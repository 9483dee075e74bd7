/** The matrix page: importance before and after rotation and the mask of one matrix, down to single weights. */
import * as z from "zod/mini";
import { ROLES } from "../../../daemon/vocabulary.ts";
import type { MatrixReport } from "../../../daemon/report.ts";
import { h, type RampName, RAMP_NAMES, RAMPS } from "../../charts/index.ts";
import { button, segmented } from "../../controls/index.ts";
import { AXES_MARGIN, Explorer } from "../../matrix/index.ts";
import type { MatrixId, MatrixTileKind, RunView } from "../../messages.ts";
import { isRotated } from "../../words.ts";
import { Bridge } from "../bridge.ts";
import { runMatrixPage } from "../matrixPage.ts";
import { saveButtons } from "../saving.ts";
import { matrixCsv } from "./csv.ts";
import { exactNote, legends, resolution, summary } from "./words.ts";
import { matrixPlots, type MatrixPlots } from "./plots.ts";
import { describeCursor } from "./readout.ts";

const stateSchema = z.object({
  layer: z.int(),
  role: z.enum(ROLES),
  ramp: z.enum(RAMP_NAMES),
  view: z.nullable(
    z.object({ row: z.number(), col: z.number(), scaleX: z.number(), scaleY: z.number() }),
  ),
});
type PageState = z.output<typeof stateSchema>;

const bridge = new Bridge();
const kept = stateSchema.safeParse(bridge.saved());
const state: Omit<PageState, "layer" | "role"> & { at: MatrixId | null } = kept.success
  ? { ...kept.data, at: { layer: kept.data.layer, role: kept.data.role } }
  : { ramp: "viridis", view: null, at: null };

interface Shown {
  readonly matrix: MatrixReport;
  readonly id: MatrixId;
  readonly run: RunView;
}
let shown: Shown | null = null;
let explorer: Explorer<MatrixTileKind> | null = null;
let plots: MatrixPlots | null = null;

const heading = h("h2", { class: "panel-matrix-name" });
const figures = h("p", { class: "dr-readout panel-figures" });
const stage = h("div");
const readout = h("p", { class: "dr-readout panel-readout", "aria-live": "polite" });
const scales = h("div", { class: "dr-legends" });
const level = h("span", { class: "panel-level", role: "status" });
const note = h("p", { class: "dr-note" });
const again = button({ label: "Try Again", onClick: () => explorer?.retry() });
const hint = h(
  "span",
  { class: "dr-hint" },
  "Drag to move, wheel or double click to zoom. With the keyboard: arrows move, + and − zoom, 0 shows all, Shift and arrows move the cross-hair.",
);

function save(): void {
  if (state.at === null) return;
  bridge.save({ ...state.at, ramp: state.ramp, view: state.view } satisfies PageState);
}

/** While the view moves it need not be kept sixty times a second. */
let saving = 0;
function saveSoon(): void {
  clearTimeout(saving);
  saving = window.setTimeout(save, 150);
}

/** Draws the matrix anew; a kept view is used for the same matrix only. */
function draw(): void {
  if (shown === null) return;
  const { matrix, id, run } = shown;
  const [rows, cols] = matrix.shape;
  const rotated = run.recipe === null || isRotated(run.recipe);
  const pattern = run.recipe?.pattern;
  plots = matrixPlots(matrix, rotated, RAMPS[state.ramp]);
  const { importance, overviewExact } = plots;
  explorer?.dispose();
  const name = `Layer ${id.layer} · ${id.role}`;
  heading.textContent = name;
  figures.replaceChildren(...summary(matrix));
  const made = (explorer = new Explorer<MatrixTileKind>({
    shape: { rows, cols },
    axes: { rows: "output row", cols: "input column" },
    plots: plots.plots,
    group: pattern?.kind === "nm" ? pattern.of : 0,
    label: name,
    view: state.view,
    fetch: ({ kind, address }, signal) =>
      bridge.request(
        "matrixTile",
        {
          layer: id.layer,
          role: id.role,
          kind,
          rows: [address.rows[0], address.rows[1]],
          cols: [address.cols[0], address.cols[1]],
        },
        signal,
      ),
    onView: (view) => {
      state.view = view;
      saveSoon();
    },
    onExact: (exact) => {
      scales.replaceChildren(...legends(importance(exact), overviewExact || exact));
      level.textContent = resolution(matrix, exact);
    },
    onCursor: (cursor, readings) => {
      if (cursor !== null) readout.replaceChildren(...describeCursor(cursor, readings));
      else if (!hint.isConnected) readout.replaceChildren(hint);
    },
    onTiles: (store) => {
      note.textContent = exactNote(store.failure("after") ?? store.failure("before"), run, id);
      const written = store.failure("written") ?? store.failure("zeros");
      if (written !== undefined)
        note.append(` The written weights cannot be read: ${written.message}`);
      if (store.failed !== undefined) note.append(" ", again);
    },
  }));
  note.textContent = exactNote(undefined, run, id);
  stage.replaceChildren(made.element);
}

runMatrixPage(bridge, "matrix", state.at, {
  build(picker) {
    const zooms = h(
      "div",
      { class: "panel-group", role: "group", "aria-label": "Zoom" },
      button({ label: "−", name: "Zoom out", onClick: () => explorer?.zoom(1 / 1.5) }),
      button({ label: "+", name: "Zoom in", onClick: () => explorer?.zoom(1.5) }),
      button({ label: "Whole matrix", onClick: () => explorer?.reset() }),
    );
    const ramps = segmented<RampName>(
      "Colours",
      RAMP_NAMES.map((value) => ({ value, label: value })),
      state.ramp,
      (ramp) => {
        state.ramp = ramp;
        save();
        draw();
      },
    );
    const buttons = saveButtons(bridge, {
      name: () => `${shown?.run.title ?? "run"} layer ${state.at?.layer} ${state.at?.role}`,
      parts: () =>
        (explorer?.pictures() ?? []).map(({ title, canvas, axes }, i) => ({
          title: i === 0 ? `${heading.textContent}: ${title}` : title,
          // The importances' legend under the first plot, the mask's under the last.
          legends: [...scales.children].filter((_, k) =>
            k === 0 ? i === 0 : i === (plots?.plots.length ?? 0) - 1,
          ),
          svg: axes,
          canvas: { element: canvas, left: AXES_MARGIN.left, top: AXES_MARGIN.top },
        })),
      csv: () => (explorer === null ? "" : matrixCsv(explorer.values())),
    });
    buttons.classList.add("panel-push");
    return [
      h("div", { class: "panel-toolbar" }, picker.element, zooms, ramps, buttons),
      h("div", { class: "panel-heading" }, heading, level),
      figures,
      stage,
      readout,
      scales,
      note,
    ];
  },
  show(matrix, id, run) {
    // A view is kept over a reload and while the layer changes, where the shapes are the same.
    const same =
      shown === null ||
      (shown.matrix.shape[0] === matrix.shape[0] && shown.matrix.shape[1] === matrix.shape[1]);
    if (!same) state.view = null;
    shown = { matrix, id, run };
    draw();
  },
  retry() {
    explorer?.retry();
  },
  save(id) {
    state.at = id;
    save();
  },
});
