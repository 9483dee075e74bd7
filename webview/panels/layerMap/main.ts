/** The layer map page: every matrix of every layer as a cell, while they are pruned; a cell shows its matrix below. */
import * as z from "zod/mini";
import { ROLES } from "../../../daemon/vocabulary.ts";
import {
  dataTable,
  FIGURES,
  type FigureName,
  h,
  layerMap,
  ROTATED_FIGURES,
  toCsv,
  UNROTATED_FIGURES,
} from "../../charts/index.ts";
import { chartBox, details } from "../../controls/index.ts";
import type { HeatmapLook } from "../../heatmaps/index.ts";
import type { MatrixId, RunView } from "../../messages.ts";
import { isRotated } from "../../words.ts";
import { Bridge } from "../bridge.ts";
import { createFrame } from "../frame.ts";
import { MATRIX_COLUMNS, type MatrixRow } from "../layerColumns.ts";
import { lookSchema } from "../look.ts";
import { RunStore } from "../runStore.ts";
import { partsIn, saveButtons } from "../saving.ts";
import { MatrixBelow } from "./below.ts";

const stateSchema = z.object({
  figure: z.string(),
  layer: z.int(),
  role: z.enum(ROLES),
  /** The matrix is shown below the map. */
  open: z.boolean(),
  look: lookSchema,
});

type PageState = z.output<typeof stateSchema>;

const bridge = new Bridge();
const kept = stateSchema.safeParse(bridge.saved());
let wished = kept.success ? kept.data.figure : null;
let selected: MatrixId = kept.success
  ? { layer: kept.data.layer, role: kept.data.role }
  : { layer: 0, role: "q" };
let open = kept.success && kept.data.open;
let look: HeatmapLook = kept.success ? kept.data.look : { ramp: "viridis", view: null };
let figures: readonly FigureName[] = [];

const frame = createFrame(bridge, "layerMap", () => selected);
const progress = h("p", { class: "dr-note", role: "status" });
const chooser = h("div");
const map = chartBox((container, width) => {
  const { run } = store;
  if (run === null) return;
  layerMap(
    container,
    { layerCount: run.layerCount ?? run.layers.length, layers: run.layers },
    { width, figure: figure(), selected, onSelect: choose },
  );
});
const below = new MatrixBelow({
  bridge,
  look,
  onLook(next) {
    look = next;
    saveSoon();
  },
  onClose() {
    open = false;
    save();
    below.hide();
    map.element.querySelector<SVGElement>("[aria-selected=true]")?.focus();
  },
});
const table = h("div");
const saving = saveButtons(bridge, {
  name: () => `${store.run?.title ?? "run"} ${FIGURES[figure()].label}`,
  parts: () => partsIn(map.element, `${store.run?.title ?? ""}: ${FIGURES[figure()].label}`),
  csv: () => toCsv(MATRIX_COLUMNS, rowsOf(store.run)),
});
saving.classList.add("panel-push");

const figure = (): FigureName =>
  figures.find((name) => name === wished) ?? figures[0] ?? "sparsity";

function save(): void {
  const { layer, role } = selected;
  const { ramp, view } = look;
  bridge.save({ figure: figure(), layer, role, open, look: { ramp, view } } satisfies PageState);
}

/** While the view moves it need not be kept sixty times a second. */
let saveTimer = 0;
function saveSoon(): void {
  clearTimeout(saveTimer);
  saveTimer = window.setTimeout(save, 150);
}

/** What was open before the window was reloaded, where the run still has it. */
function restore(run: RunView): void {
  if (run.layers.some(({ index }) => index === selected.layer)) {
    below.show(run, selected, () => undefined);
  }
}

function choose(id: MatrixId): void {
  const { run } = store;
  if (run === null) return;
  selected = id;
  open = true;
  below.show(run, id, () => {
    bringIntoView(below.element);
  });
  map.redraw();
  save();
}

/** Scrolls down to it, though never so far that the map is no longer there to choose the next from. */
function bringIntoView(element: HTMLElement): void {
  const hidden = element.getBoundingClientRect().bottom - window.innerHeight;
  const room = map.element.querySelector("svg[role=grid]")?.getBoundingClientRect().top ?? 0;
  window.scrollBy({ top: Math.max(0, Math.min(hidden, room - 8)) });
}

const store = new RunStore(bridge, frame, {
  shown(at) {
    if (at !== null) selected = at;
    if (at !== null && open) choose(at);
    else {
      save();
      map.redraw();
    }
  },
  changed(run, previous) {
    if (run.job?.evaluation != null) {
      frame.empty(
        "There are no layers here.",
        "This job measures a perplexity and prunes nothing.",
      );
      return;
    }
    if (!map.element.isConnected) {
      frame.show(
        h("div", { class: "panel-toolbar" }, chooser, saving),
        progress,
        map.element,
        below.element,
        details("Show as a table", table),
      );
    }
    if (previous?.recipe !== run.recipe || figures.length === 0) offerFigures(run);
    progress.textContent = progressText(run);
    progress.hidden = progress.textContent === "";
    if (previous?.layers !== run.layers || previous.layerCount !== run.layerCount) {
      map.redraw();
      dataTable(
        table,
        { columns: MATRIX_COLUMNS, rows: rowsOf(run) },
        { caption: "Every pruned matrix", sortable: true },
      );
    }
    if (previous !== null || !open) return;
    // Reloaded, or told anew: what failed before may be had now.
    if (below.element.hidden) restore(run);
    else below.retry();
  },
});

function offerFigures({ recipe }: RunView): void {
  figures = recipe !== null && !isRotated(recipe) ? UNROTATED_FIGURES : ROTATED_FIGURES;
  const select = h(
    "select",
    { class: "page-select" },
    ...figures.map((value) => h("option", { value }, FIGURES[value].label)),
  );
  select.value = figure();
  select.addEventListener("change", () => {
    wished = select.value;
    save();
    map.redraw();
  });
  chooser.replaceChildren(h("label", { class: "page-field" }, "Colour by ", select));
}

function progressText({ job, layers, layerCount }: RunView): string {
  if (job === null || layerCount === null || layers.length >= layerCount) {
    return "Enter or a click on a cell shows its matrix.";
  }
  const goesOn = job.state === "running" || job.state === "queued";
  return `${layers.length} of ${layerCount} layers are done${goesOn ? "; the others appear as they are" : ""}. Enter or a click on a cell shows its matrix.`;
}

const rowsOf = (run: RunView | null): MatrixRow[] =>
  (run?.layers ?? []).flatMap(({ index, matrices }) =>
    ROLES.map((role) => ({ layer: index, role, ...matrices[role] })),
  );
