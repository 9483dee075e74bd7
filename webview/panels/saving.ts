/** The buttons that save what a page shows: as SVG, as PNG, and its numbers as CSV. */
import { h } from "../charts/index.ts";
import { button } from "../controls/index.ts";
import type { Bridge } from "./bridge.ts";
import { picturePng, pictureSvg, type PicturePart } from "./picture.ts";

export interface Savable {
  /** File name without its ending. */
  readonly name: () => string;
  readonly parts: () => readonly PicturePart[];
  readonly csv: () => string;
}

export function saveButtons(bridge: Bridge, { name, parts, csv }: Savable): HTMLElement {
  const fileName = (ending: string): string =>
    `${name()
      .replace(/[^\w.,=() -]+/g, "-")
      .slice(0, 100)}.${ending}`;
  const trouble = h("span", { class: "panel-label", role: "alert" });
  return h(
    "div",
    { class: "panel-group", role: "group", "aria-label": "Save" },
    h("span", { class: "panel-label" }, "Save"),
    button({
      label: "PNG",
      onClick: () => {
        trouble.textContent = "";
        picturePng(parts())
          .then((data) => {
            bridge.post({ type: "save", name: fileName("png"), encoding: "base64", data });
          })
          .catch((error: unknown) => {
            const why = error instanceof Error ? error.message : String(error);
            trouble.textContent = `The picture could not be made: ${why}`;
          });
      },
    }),
    button({
      label: "SVG",
      onClick: () => {
        const data = pictureSvg(parts());
        bridge.post({ type: "save", name: fileName("svg"), encoding: "utf8", data });
      },
    }),
    button({
      label: "CSV",
      onClick: () => {
        bridge.post({ type: "save", name: fileName("csv"), encoding: "utf8", data: csv() });
      },
    }),
    trouble,
  );
}

/**
 * The charts inside an element as parts of a picture, each with its legends and under the heading of its section; the
 * first under `title`, too.
 */
export function partsIn(container: ParentNode, title: string): PicturePart[] {
  return [
    ...container.querySelectorAll<SVGSVGElement>("svg.dr-svg[role=img], svg.dr-svg[role=grid]"),
  ]
    .filter((svg) => svg.closest(".dr-legend, .dr-swatches") === null)
    .map((svg, i) => {
      const heading = svg.closest("section")?.querySelector("h2, h3")?.textContent ?? "";
      const chart = svg.closest(".page-chart") ?? svg.parentElement;
      const legends = [...(chart?.querySelectorAll(".dr-legend, .dr-swatches") ?? [])];
      const parts = [i === 0 ? title : "", heading].filter((part) => part !== "");
      return { title: parts.join(": "), svg, legends };
    });
}
