/** The page's few building blocks: sections, segmented choices, definition lists, a download. */
import { h, responsive, type Child } from "../charts/index.ts";

/** Heading level of the sections: a run stands alone (2) or inside the comparison (3). */
export type Level = 2 | 3;

export function section(level: Level, title: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "page-section" }, h(`h${level}`, {}, title), ...children);
}

export function paragraph(text: string, className = "page-text"): HTMLElement {
  return h("p", { class: className }, text);
}

export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

let groups = 0;

/** Radio buttons that look like one segmented control; the browser gives them arrow keys and focus. */
export function segmented<Value extends string>(
  legend: string,
  choices: readonly Choice<Value>[],
  initial: Value,
  onChange: (value: Value) => void,
): HTMLElement {
  groups += 1;
  const name = `choice-${groups}`;
  const options = choices.map(({ value, label }) => {
    const input = h("input", { type: "radio", name, value, checked: value === initial });
    input.addEventListener("change", () => {
      onChange(value);
    });
    return h("label", { class: "page-choice" }, input, h("span", {}, label));
  });
  return h(
    "fieldset",
    { class: "page-segmented" },
    h("legend", { class: "dr-visually-hidden" }, legend),
    ...options,
  );
}

export function definitions(
  facts: readonly { readonly term: string; readonly words: string }[],
  layout: "prose" | "compact",
): HTMLElement {
  return h(
    "dl",
    { class: `page-facts page-facts-${layout}` },
    ...facts.map((f) => h("div", {}, h("dt", {}, f.term), h("dd", {}, f.words))),
  );
}

/** A chart's numbers for those who cannot or would rather not read the picture. */
export function details(summary: string, content: HTMLElement): HTMLElement {
  return h("details", { class: "page-details" }, h("summary", {}, summary), content);
}

export function downloadButton(
  label: string,
  fileName: string,
  content: () => string,
): HTMLElement {
  const button = h("button", { type: "button", class: "page-button" }, label);
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([content()], { type: "text/csv" }));
    h("a", { href: url, download: fileName }).click();
    URL.revokeObjectURL(url);
  });
  return button;
}

/**
 * A section about figures: what they say, the pictures, and the numbers themselves, which may stand behind a click.
 */
export function figuresSection(
  level: Level,
  title: string,
  parts: {
    readonly lead: readonly Child[];
    readonly charts: readonly Child[];
    readonly notes?: readonly Child[];
    readonly table: HTMLElement;
    /** Says what opens the table; it is always open without. */
    readonly tableSummary?: string;
    readonly download?: HTMLElement;
  },
): HTMLElement {
  const { lead, charts, notes = [], table, tableSummary, download } = parts;
  return section(
    level,
    title,
    ...lead,
    ...charts,
    ...notes,
    tableSummary === undefined ? table : details(tableSummary, table),
    ...(download === undefined ? [] : [download]),
  );
}

export interface ChartBox {
  readonly element: HTMLElement;
  /** Draws again, with what the data are now. */
  redraw(): void;
}

/** A place for a chart, drawn at its width as soon as it has one and whenever that changes. */
export function chartBox(
  draw: (container: HTMLElement, width: number) => void,
  className = "page-chart",
): ChartBox {
  const element = h("div", { class: className });
  const redraw = responsive(element, (width) => {
    draw(element, width);
  });
  return { element, redraw };
}
