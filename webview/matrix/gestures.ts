/** Pointer, wheel and keys as movements of a view. */
import type { Size } from "./viewport.ts";

export interface Gestures {
  /** Pixels. */
  pan(dx: number, dy: number): void;
  /** @param at of the plot; undefined from the keyboard */
  zoom(factor: number, at?: { readonly x: number; readonly y: number }): void;
  reset(): void;
  /** Where the pointer is on the plot; null when it has left. */
  point(at: { readonly x: number; readonly y: number } | null): void;
  /** Moves the cross-hair. */
  step(rows: number, cols: number): void;
}

interface Margin {
  readonly left: number;
  readonly top: number;
}

const ZOOM_KEY = 1.5;
/** Zoom for 100 px of wheel. */
const ZOOM_WHEEL = 1.25;
const PAN_SHARE = 0.125;

function pointer(box: HTMLElement, margin: Margin, gestures: Gestures): void {
  let last: { readonly x: number; readonly y: number } | null = null;
  const at = (event: MouseEvent): { x: number; y: number } => {
    const bounds = box.getBoundingClientRect();
    return {
      x: event.clientX - bounds.left - margin.left,
      y: event.clientY - bounds.top - margin.top,
    };
  };
  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    last = { x: event.clientX, y: event.clientY };
    box.setPointerCapture(event.pointerId);
    box.classList.add("dr-dragging");
  });
  box.addEventListener("pointermove", (event) => {
    if (last !== null) {
      gestures.pan(last.x - event.clientX, last.y - event.clientY);
      last = { x: event.clientX, y: event.clientY };
    }
    gestures.point(at(event));
  });
  const release = (): void => {
    last = null;
    box.classList.remove("dr-dragging");
  };
  box.addEventListener("pointerup", release);
  box.addEventListener("pointercancel", release);
  box.addEventListener("pointerleave", () => {
    gestures.point(null);
  });
  box.addEventListener("dblclick", (event) => {
    gestures.zoom(event.shiftKey ? 0.5 : 2, at(event));
  });
  box.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
      // Pinching comes as a wheel with small steps and the control key.
      const speed = event.ctrlKey ? 4 : 1;
      gestures.zoom(ZOOM_WHEEL ** ((-event.deltaY * lines * speed) / 100), at(event));
    },
    { passive: false },
  );
}

const ARROWS: Readonly<Record<string, readonly [rows: number, cols: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function keys(element: HTMLElement, size: () => Size, gestures: Gestures): void {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) {
      const { width, height } = size();
      if (event.shiftKey) gestures.step(arrow[0], arrow[1]);
      else gestures.pan(arrow[1] * width * PAN_SHARE, arrow[0] * height * PAN_SHARE);
    } else if (event.key === "+" || event.key === "=") gestures.zoom(ZOOM_KEY);
    else if (event.key === "-") gestures.zoom(1 / ZOOM_KEY);
    else if (event.key === "0") gestures.reset();
    else return;
    event.preventDefault();
  });
}

export const listen = { pointer, keys };
