/**
 * Charts as files. An SVG is written with the colours and type it has on the page as presentation attributes, so that
 * it needs no style sheet; a PNG is that SVG painted at twice its size.
 */

const SVG = "http://www.w3.org/2000/svg";
const PAINTED = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "stroke-linejoin",
  "font-family",
  "font-size",
  "font-weight",
  "opacity",
  "visibility",
  "display",
  "overflow",
] as const;
const PAD = 16;
const GAP = 24;
const TITLE = 18;

/** One chart of a picture: an SVG of the page, with the canvas it lies over where it has one. */
export interface PicturePart {
  readonly title: string;
  /** Legends that stand beside it on the page. */
  readonly legends?: readonly Element[];
  readonly svg: SVGSVGElement;
  readonly canvas?: {
    readonly element: HTMLCanvasElement;
    readonly left: number;
    readonly top: number;
  };
}

/** The parts side by side under their titles, as the text of an SVG file. */
export function pictureSvg(parts: readonly PicturePart[]): string {
  const style = getComputedStyle(document.body);
  const root = element("svg", { xmlns: SVG });
  const background = element("rect", { fill: style.backgroundColor });
  root.append(background);
  const drawn = parts.map(({ legends = [], ...part }) => ({
    ...part,
    ...legendsOf(legends, style),
  }));
  // The drawings of all parts begin at one height.
  const top = TITLE + Math.max(0, ...drawn.map((part) => part.height));
  let x = PAD;
  let height = 0;
  for (const { title, svg, canvas, legend } of drawn) {
    const group = element("g", { transform: `translate(${x},${PAD})` });
    const text = element("text", {
      y: 12,
      fill: style.color,
      "font-family": style.fontFamily,
      "font-size": 13,
      "font-weight": 600,
    });
    text.textContent = title;
    const drawing = element("g", { transform: `translate(0,${top})` });
    if (canvas !== undefined) drawing.append(pixels(canvas));
    const copy = painted(svg);
    copy.removeAttribute("class");
    drawing.append(copy);
    group.append(text, legend, drawing);
    root.append(group);
    x += svg.width.baseVal.value + GAP;
    height = Math.max(height, top + svg.height.baseVal.value);
  }
  const size = { width: x - GAP + PAD, height: height + 2 * PAD };
  for (const target of [root, background]) {
    target.setAttribute("width", String(size.width));
    target.setAttribute("height", String(size.height));
  }
  root.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  return new XMLSerializer().serializeToString(root);
}

/** base64 of a PNG. @throws {Error} where the browser cannot paint it */
export async function picturePng(parts: readonly PicturePart[]): Promise<string> {
  const url = URL.createObjectURL(new Blob([pictureSvg(parts)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/png").replace(/^data:image\/png;base64,/, "");
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Legends under the title, laid out as on the page: their marks copied, their words written. */
function legendsOf(
  legends: readonly Element[],
  style: CSSStyleDeclaration,
): { readonly legend: SVGElement; readonly height: number } {
  const group = element("g", {});
  let top = TITLE + 4;
  for (const legend of legends) {
    const { left, top: pageTop, height } = legend.getBoundingClientRect();
    const place = (at: DOMRect): { readonly x: number; readonly y: number } => ({
      x: at.left - left,
      y: top + at.top - pageTop,
    });
    for (const svg of legend.querySelectorAll("svg")) {
      const { x, y } = place(svg.getBoundingClientRect());
      const mark = element("g", { transform: `translate(${x},${y})` });
      mark.append(painted(svg));
      group.append(mark);
    }
    const words = document.createTreeWalker(legend, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement?.closest("svg") === null
        ? NodeFilter.FILTER_ACCEPT
        : NodeFilter.FILTER_REJECT,
    );
    for (let node = words.nextNode(); node !== null; node = words.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      const { x, y } = place(box);
      const text = element("text", {
        x,
        y: y + box.height * 0.75,
        fill: style.color,
        "font-family": style.fontFamily,
        "font-size": 12,
      });
      text.textContent = node.textContent;
      group.append(text);
    }
    top += height + 4;
  }
  return { legend: group, height: legends.length === 0 ? 0 : top - TITLE };
}

function pixels(canvas: NonNullable<PicturePart["canvas"]>): SVGElement {
  const { element: source, left, top } = canvas;
  return element("image", {
    href: source.toDataURL("image/png"),
    x: left,
    y: top,
    width: source.clientWidth,
    height: source.clientHeight,
    // Cells are squares, not blots, however large the picture is shown.
    "image-rendering": "pixelated",
  });
}

/** A copy whose every element carries its computed look. */
function painted(svg: SVGSVGElement): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = [svg, ...svg.querySelectorAll("*")];
  for (const [i, target] of [copy, ...copy.querySelectorAll("*")].entries()) {
    const original = originals[i];
    if (original === undefined) continue;
    const style = getComputedStyle(original);
    for (const property of PAINTED) target.setAttribute(property, style.getPropertyValue(property));
  }
  return copy;
}

function element(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
