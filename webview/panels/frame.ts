/** The frame of a run's pages: title, ways to the other pages, and a body that is loading, failed, or there. */
import { h, type Child } from "../charts/index.ts";
import type { MatrixId, RunViewName } from "../messages.ts";
import { type Bridge, RequestError } from "./bridge.ts";

const NAMES: Readonly<Record<RunViewName, string>> = {
  run: "Run",
  layerMap: "Layer map",
  matrix: "Matrix",
  distribution: "Distribution",
};

export interface Frame {
  readonly body: HTMLElement;
  title(text: string): void;
  loading(what: string): void;
  /** Says why there is nothing to see; with a button where trying again may help. */
  failed(what: string, error: unknown, retry?: () => void): void;
  /** An empty page that says what will come, or why nothing will. */
  empty(title: string, text: string, ...actions: readonly Child[]): void;
  show(...content: readonly Child[]): void;
}

/** @param at the matrix that the other pages should open on */
export function createFrame(
  bridge: Bridge,
  current: RunViewName,
  at: () => MatrixId | null,
): Frame {
  const title = h("h1", { class: "panel-title" }, NAMES[current]);
  const links = (Object.keys(NAMES) as RunViewName[]).map((view) => {
    const link = h(
      "button",
      {
        type: "button",
        class: "panel-link",
        "aria-current": view === current ? "page" : undefined,
      },
      NAMES[view],
    );
    link.addEventListener("click", () => {
      if (view !== current) bridge.post({ type: "open", view, at: at() ?? undefined });
    });
    return link;
  });
  const nav = h("nav", { class: "panel-nav", "aria-label": "Pages of this run" }, ...links);
  const body = h("div");
  pageRoot().replaceChildren(h("header", { class: "panel-header" }, title, nav), body);
  return {
    title(text) {
      title.textContent = text;
      document.title = `${text}: ${NAMES[current]}`;
    },
    ...createStates(body),
  };
}

/** The element that the host's document has for the page. @throws {Error} where it is not the host's */
export function pageRoot(): HTMLElement {
  const root = document.getElementById("page");
  if (root === null) throw new Error("the document has no element with the id page");
  root.classList.add("panel");
  return root;
}

/** The states of a body, for pages with a frame of their own too. */
export function createStates(body: HTMLElement): Omit<Frame, "title"> {
  return {
    body,
    loading(what) {
      body.replaceChildren(
        h(
          "div",
          { class: "panel-state panel-loading", role: "status" },
          h("span", {}, `${what}…`),
          h("div", { class: "panel-waiting", "aria-hidden": "true" }),
        ),
      );
    },
    failed(what, error, retry) {
      body.replaceChildren(failure(what, error, retry));
    },
    empty(heading, text, ...actions) {
      body.replaceChildren(
        h(
          "div",
          { class: "panel-state" },
          h("strong", {}, heading),
          h("span", {}, text),
          ...actions,
        ),
      );
    },
    show(...content) {
      body.replaceChildren(...content);
    },
  };
}

export function failure(what: string, error: unknown, retry?: () => void): HTMLElement {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof RequestError ? error.code : null;
  const box = h(
    "div",
    { class: "panel-state panel-error", role: "alert" },
    h("strong", {}, what),
    h("span", {}, message),
    ...(code === null ? [] : [h("code", {}, code)]),
  );
  if (retry !== undefined) {
    const button = h("button", { type: "button", class: "page-button" }, "Try again");
    button.addEventListener("click", retry);
    box.append(button);
  }
  return box;
}
