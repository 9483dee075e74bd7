/** The run page: state and progress, the loss as it falls, what each layer gained, perplexities, recipe, fallbacks. */
import { h, toCsv } from "../../charts/index.ts";
import { definitions } from "../../controls/index.ts";
import type { RunView } from "../../messages.ts";
import { recipeFacts } from "../../words.ts";
import { Bridge } from "../bridge.ts";
import { createFrame } from "../frame.ts";
import { LAYER_COLUMNS } from "../layerColumns.ts";
import { RunStore } from "../runStore.ts";
import { partsIn, saveButtons } from "../saving.ts";
import { LearningView } from "./learning.ts";
import { perplexityContent } from "./perplexity.ts";
import { StatusView } from "./status.ts";

const bridge = new Bridge();
const frame = createFrame(bridge, "run", () => null);
const status = new StatusView((command) => {
  bridge.post({ type: "command", command });
});
const learning = new LearningView();
const perplexity = h("section", { class: "panel-section" });
const recipe = h("section", { class: "panel-section" });
const remarks = h("section", { class: "panel-section" });

const saving = saveButtons(bridge, {
  name: () => store.run?.title ?? "run",
  parts: () => partsIn(learning.element, store.run?.title ?? ""),
  csv: () => toCsv(LAYER_COLUMNS, store.run?.layers ?? []),
});
saving.classList.add("run-save");

const store = new RunStore(bridge, frame, {
  shown() {
    // Nothing but the binding is kept: the page is all of the run.
    bridge.save(null);
  },
  changed(run, previous) {
    if (!learning.element.isConnected) {
      frame.show(status.element, perplexity, learning.element, saving, recipe, remarks);
    }
    update(run, previous);
  },
});

function update(run: RunView, previous: RunView | null): void {
  status.update(run);
  const prunes = run.job?.evaluation == null;
  learning.element.hidden = !prunes;
  saving.hidden = run.layers.length === 0;
  if (prunes) learning.update(run);
  if (previous?.perplexity !== run.perplexity || previous.job?.evaluation !== run.job?.evaluation) {
    section(perplexity, "Perplexity", perplexityContent(run));
  }
  if (previous?.recipe !== run.recipe || previous.device !== run.device) {
    section(recipe, "Recipe", recipeContent(run));
  }
  if (previous?.fallbacks !== run.fallbacks || previous.notes !== run.notes) {
    section(remarks, "Fallbacks and notes", remarksContent(run));
  }
}

/** A section without content is not there. */
function section(element: HTMLElement, title: string, content: readonly Node[]): void {
  element.hidden = content.length === 0;
  element.replaceChildren(h("h2", {}, title), ...content);
}

function recipeContent({ recipe: known, ratios, device }: RunView): Node[] {
  if (known === null) return [];
  const facts = recipeFacts({ recipe: known, ratios, device, calibrationTokens: null });
  return [definitions(facts, "compact")];
}

function remarksContent({ fallbacks, notes }: RunView): Node[] {
  const lines = [
    ...fallbacks.map(({ layer, role, what }) => h("li", {}, `Layer ${layer}, ${role}: ${what}`)),
    ...notes.map((text) => h("li", {}, text)),
  ];
  return lines.length === 0 ? [] : [h("ul", { class: "run-remarks" }, ...lines)];
}
