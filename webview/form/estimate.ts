/** What the run will take, beside the form; and why it cannot be, where it cannot. */
import { format, h } from "../charts/index.ts";
import type { EstimateView, Trouble } from "./messages.ts";

export interface Estimate {
  readonly element: HTMLElement;
  busy(): void;
  show(estimate: EstimateView): void;
  refuse(trouble: Trouble): void;
}

export function estimatePanel(): Estimate {
  const body = h("div", { class: "form-estimate-body" });
  const element = h(
    "section",
    { class: "form-estimate", "aria-live": "polite", "aria-label": "Estimate" },
    h("h2", {}, "What it takes"),
    body,
  );
  return {
    element,
    busy() {
      element.setAttribute("aria-busy", "true");
      // The last figures stay, faded: a panel that empties with every key would flicker.
      if (body.childElementCount === 0) body.append(h("p", { class: "form-hint" }, "Planning …"));
    },
    show(estimate) {
      element.setAttribute("aria-busy", "false");
      body.replaceChildren(
        ...estimate.shortages.map(({ message }) => h("p", { class: "form-refused" }, message)),
        figures(estimate),
        ...remarks(estimate.notes),
      );
    },
    refuse({ message }) {
      element.setAttribute("aria-busy", "false");
      body.replaceChildren(h("p", { class: "form-refused" }, message));
    },
  };
}

function figures(e: EstimateView): HTMLElement {
  const rows: readonly (readonly [string, string, string?])[] = [
    [
      "Time",
      e.seconds === null
        ? "unknown"
        : `about ${format.duration(Math.max(1, Math.round(e.seconds)))}`,
    ],
    ["Device memory", format.bytes(e.device)],
    ["RAM", format.bytes(e.host)],
    ["Disk while it runs", format.bytes(e.workDisk), `${format.bytes(e.freeDisk)} free`],
    ["Output", format.bytes(e.outputDisk), "dense, with zeros"],
    ["Model", `${count(e.parameters)} parameters`, `${e.modelType}, ${e.layers} layers`],
  ];
  return h(
    "dl",
    { class: "form-figures" },
    ...rows.map(([term, value, more]) =>
      h(
        "div",
        {},
        h("dt", {}, term),
        h("dd", {}, value, ...(more === undefined ? [] : [h("span", {}, more)])),
      ),
    ),
  );
}

const remarks = (notes: readonly string[]): HTMLElement[] =>
  notes.length === 0
    ? []
    : [h("ul", { class: "form-notes" }, ...notes.map((note) => h("li", {}, note)))];

/** As models are called: `7.61 B` parameters. */
function count(value: number): string {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const shown = power === 0 ? String(value) : (value / 1000 ** power).toPrecision(3);
  return `${shown} ${["", "K", "M", "B"][power] ?? ""}`.trim();
}
