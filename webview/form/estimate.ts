/** What the run will take, beside the form; and why it cannot be, where it cannot. */
import { h } from "../charts/index.ts";
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
      body.replaceChildren(figures(estimate), ...remarks(estimate.notes));
    },
    refuse({ message }) {
      element.setAttribute("aria-busy", "false");
      body.replaceChildren(h("p", { class: "form-refused" }, message));
    },
  };
}

function figures(e: EstimateView): HTMLElement {
  const rows: readonly (readonly [string, string, string?])[] = [
    ["Time", e.seconds === null ? "unknown" : `about ${duration(e.seconds)}`],
    ["Device memory", bytes(e.device)],
    ["RAM", bytes(e.host)],
    ["Disk while it runs", bytes(e.workDisk), `${bytes(e.freeDisk)} free`],
    ["Output", bytes(e.outputDisk), "dense, with zeros"],
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

function duration(seconds: number): string {
  if (seconds < 1) return "a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const bytes = (value: number): string => scaled(value, ["B", "kB", "MB", "GB", "TB"]);
const count = (value: number): string => scaled(value, ["", "K", "M", "B"]);

function scaled(value: number, units: readonly string[]): string {
  const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const shown = power === 0 ? String(Math.round(value)) : (value / 1000 ** power).toPrecision(3);
  return `${shown} ${units[power] ?? ""}`.trim();
}
