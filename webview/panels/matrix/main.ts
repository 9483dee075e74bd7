/** The matrix page: importance before and after rotation and the mask of one matrix, down to single weights. */
import * as z from "zod/mini";
import { ROLES } from "../../../daemon/vocabulary.ts";
import { h, RAMP_NAMES } from "../../charts/index.ts";
import { button, segmented } from "../../controls/index.ts";
import { HeatmapView, type HeatmapLook } from "../../heatmaps/index.ts";
import type { MatrixId } from "../../messages.ts";
import { Bridge } from "../bridge.ts";
import { lookSchema } from "../look.ts";
import { runMatrixPage } from "../matrixPage.ts";
import { saveButtons } from "../saving.ts";

const stateSchema = z.extend(lookSchema, { layer: z.int(), role: z.enum(ROLES) });
type PageState = z.output<typeof stateSchema>;

const bridge = new Bridge();
const kept = stateSchema.safeParse(bridge.saved());
let at: MatrixId | null = kept.success ? { layer: kept.data.layer, role: kept.data.role } : null;
let look: HeatmapLook = kept.success ? kept.data : { ramp: "viridis", view: null };
let runTitle = "run";

function save(): void {
  if (at === null) return;
  const { ramp, view } = look;
  bridge.save({ layer: at.layer, role: at.role, ramp, view } satisfies PageState);
}

/** While the view moves it need not be kept sixty times a second. */
let saving = 0;
const heatmaps = new HeatmapView({
  look,
  onLook(next) {
    look = next;
    clearTimeout(saving);
    saving = window.setTimeout(save, 150);
  },
  fetch: (asked, signal) => bridge.request("matrixTile", asked, signal),
});

runMatrixPage(bridge, "matrix", at, {
  build(picker) {
    const ramps = segmented(
      "Colours",
      RAMP_NAMES.map((value) => ({ value, label: value })),
      look.ramp,
      (ramp) => {
        heatmaps.recolour(ramp);
      },
    );
    const buttons = saveButtons(bridge, {
      name: () => `${runTitle} layer ${at?.layer} ${at?.role}`,
      parts: () => heatmaps.pictures(),
      csv: () => heatmaps.csv(),
    });
    buttons.classList.add("panel-push");
    const another = button({
      label: "Open to the Side",
      onClick: () => {
        bridge.post({ type: "open", view: "matrix", at: at ?? undefined, aside: true });
      },
    });
    another.classList.add("panel-push");
    return [
      h("div", { class: "panel-toolbar" }, picker.element, heatmaps.zooms, ramps, buttons),
      h("div", { class: "panel-heading" }, heatmaps.heading, heatmaps.level, another),
      heatmaps.figures,
      ...heatmaps.parts,
    ];
  },
  show(matrix, id, run) {
    runTitle = run.title;
    heatmaps.show({ matrix, id, run });
  },
  retry() {
    heatmaps.retry();
  },
  save(id) {
    at = id;
    save();
  },
});
