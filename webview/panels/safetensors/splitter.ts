/** The line between tree and tensor: moved by dragging or with the arrow keys. */
import { h } from "../../charts/index.ts";

/** Percent of the page. */
const LEAST = 20;
const MOST = 80;
const STEP = 2;

/** @param share percent of the page that the left side has; undefined: as the style sheet says */
export function splitter(
  page: HTMLElement,
  share: number | undefined,
  onMove: (share: number) => void,
): HTMLElement {
  let now = share ?? 46;
  const line = h("div", {
    class: "splitter",
    role: "separator",
    tabindex: 0,
    "aria-orientation": "vertical",
    "aria-label": "Width of the list of tensors",
    "aria-valuemin": LEAST,
    "aria-valuemax": MOST,
    "aria-valuenow": Math.round(now),
  });
  const move = (next: number): void => {
    now = Math.max(LEAST, Math.min(MOST, next));
    page.style.setProperty("--split", `${now.toFixed(1)}%`);
    line.setAttribute("aria-valuenow", String(Math.round(now)));
    onMove(now);
  };
  if (share !== undefined) move(share);
  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  line.addEventListener("pointermove", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) return;
    const { left, width } = page.getBoundingClientRect();
    move(((event.clientX - left) / width) * 100);
  });
  line.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") move(now - STEP);
    else if (event.key === "ArrowRight") move(now + STEP);
    else return;
    event.preventDefault();
  });
  return line;
}
