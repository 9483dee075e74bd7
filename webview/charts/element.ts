/**
 * Building elements without markup strings: data only ever becomes text nodes and attribute values, so nothing in a
 * report can turn into markup, and a strict content security policy has nothing to object to.
 */
import { select, type Selection } from "d3";

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type Child = Node | string;

/** An HTML element; `true` sets an empty attribute, `false` and `undefined` leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

export type Svg = Selection<SVGSVGElement, unknown, null, undefined>;
export type Group = Selection<SVGGElement, unknown, null, undefined>;

/** Appends an `<svg>` that a screen reader takes as one image with `label` as its content. */
export function svgImage(
  container: HTMLElement,
  width: number,
  height: number,
  label: string,
): Svg {
  return select(container)
    .append("svg")
    .attr("class", "dr-svg")
    .attr("width", width)
    .attr("height", height)
    .attr("viewBox", `0 0 ${width} ${height}`)
    .attr("role", "img")
    .attr("aria-label", label);
}

/** A chart's place when there is nothing to draw: says what is missing and why. */
export function emptyState(container: HTMLElement, message: string): void {
  container.replaceChildren(h("p", { class: "dr-empty" }, message));
}

/**
 * Calls `draw` with the container's width as soon as it has one and whenever it changes; the returned function draws
 * again at the same width, or does nothing while the container is not laid out.
 */
export function responsive(container: HTMLElement, draw: (width: number) => void): () => void {
  let drawn = 0;
  const redraw = (): void => {
    drawn = container.clientWidth;
    if (drawn > 0) draw(drawn);
  };
  new ResizeObserver(() => {
    if (container.clientWidth !== drawn) redraw();
  }).observe(container);
  redraw();
  return redraw;
}
