/**
 * What the pages of one matrix share: which matrix is chosen, its report fetched when that changes, and the page's
 * states until there is one.
 */
import type { MatrixReport } from "../../daemon/report.ts";
import { button } from "../controls/index.ts";
import type { MatrixId, RunView } from "../messages.ts";
import type { Bridge } from "./bridge.ts";
import { createFrame, type Frame } from "./frame.ts";
import { MatrixPicker, startingMatrix } from "./matrixPicker.ts";
import { MatrixRequest } from "./matrixRequest.ts";
import { RunStore } from "./runStore.ts";

export interface MatrixPage {
  /** Called once, when there is a matrix to show; the elements are the page's content. */
  readonly build: (picker: MatrixPicker) => readonly Node[];
  readonly show: (matrix: MatrixReport, id: MatrixId, run: RunView) => void;
  /** The run was asked for anew: what failed before may be had now. */
  readonly retry?: () => void;
  /** Keeps the choice. */
  readonly save: (id: MatrixId) => void;
}

export function runMatrixPage(
  bridge: Bridge,
  view: "matrix" | "distribution",
  kept: MatrixId | null,
  page: MatrixPage,
): void {
  let asked = kept;
  let shown: MatrixId | null = null;
  let picker: MatrixPicker | null = null;
  const request = new MatrixRequest(bridge);
  const frame = createFrame(bridge, view, () => shown ?? asked);

  const store = new RunStore(bridge, frame, {
    shown(at) {
      if (at !== null) asked = at;
      const { run } = store;
      if (at !== null && run !== null) open(run, at);
    },
    changed(run, previous) {
      if (shown !== null) {
        picker?.update(run, shown);
        if (previous === null) page.retry?.();
        return;
      }
      const first = startingMatrix(run, asked);
      if (first !== null) open(run, first);
      else {
        waiting(frame, run, () => {
          bridge.post({ type: "command", command: "resume" });
        });
      }
    },
  });

  function open(run: RunView, id: MatrixId): void {
    if (!run.layers.some(({ index }) => index === id.layer)) return;
    if (picker === null) {
      picker = new MatrixPicker(id, (chosen) => {
        if (store.run !== null) open(store.run, chosen);
      });
      frame.show(...page.build(picker));
    }
    shown = id;
    picker.update(run, id);
    page.save(id);
    bridge.post({ type: "showing", at: id });
    request.ask(
      id,
      (matrix) => {
        page.show(matrix, id, run);
      },
      (error) => {
        picker = null;
        shown = null;
        frame.failed(`Layer ${id.layer} · ${id.role} cannot be shown.`, error, () => {
          open(run, id);
        });
      },
    );
  }
}

function waiting(frame: Frame, { job }: RunView, resume: () => void): void {
  const goesOn = job !== null && (job.state === "queued" || job.state === "running");
  if (goesOn) {
    frame.empty(
      "No layer is finished yet.",
      "The first pictures come as soon as layer 0 is rotated and pruned; this page follows the run.",
    );
  } else if (job?.resumable === true) {
    frame.empty(
      "There is no finished layer to look at.",
      "The run ended before its first layer was done.",
      button({ label: "Resume", primary: true, onClick: resume }),
    );
  } else frame.empty("There is no finished layer to look at.", "This run pruned no layer.");
}
