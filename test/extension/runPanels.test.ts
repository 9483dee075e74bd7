/** Panels of runs: which one is used, and what its page is told first. */
import { beforeEach, expect, test, vi } from "vitest";
import type { Host } from "../../extension/host.ts";
import { RunPanels } from "../../extension/panels/runPanels.ts";
import type { HostMessage, PageMessage } from "../../webview/messages.ts";

/** A panel as the workbench has it, with a page that a test speaks for. */
class Panel {
  readonly posted: HostMessage[] = [];
  visible = true;
  active = true;
  title = "";
  iconPath: unknown;
  #hear: (message: PageMessage) => void = () => undefined;
  #changed: () => void = () => undefined;
  readonly webview = {
    options: {},
    html: "",
    postMessage: (message: HostMessage) => this.posted.push(message),
    onDidReceiveMessage: (hear: (message: PageMessage) => void) => {
      this.#hear = hear;
      return { dispose: () => undefined };
    },
  };
  readonly reveal = vi.fn();
  readonly onDidDispose = () => ({ dispose: () => undefined });
  readonly onDidChangeViewState = (changed: () => void) => {
    this.#changed = changed;
    return { dispose: () => undefined };
  };
  says(message: PageMessage): void {
    this.#hear(message);
  }
  becomes(state: { readonly visible: boolean; readonly active: boolean }): void {
    Object.assign(this, state);
    this.#changed();
  }
}

const workbench = vi.hoisted(() => ({ panels: [] as unknown[] }));
const panels = workbench.panels as Panel[];
vi.mock("vscode", async () => ({
  ...(await import("./vscode.ts")),
  Uri: { joinPath: (...parts: readonly unknown[]) => parts.join("/") },
  ViewColumn: { Active: -1, Beside: -2 },
  CancellationTokenSource: class {
    readonly token = {};
  },
  window: {
    createWebviewPanel() {
      const panel = new Panel();
      workbench.panels.push(panel);
      return panel;
    },
  },
}));

const source = { job: "j" };
const q = { layer: 1, role: "q" } as const;
const k = { layer: 2, role: "k" } as const;
const asked: string[] = [];
let told: (update: { id: string; updates: unknown[] }) => void = () => undefined;

function open(): RunPanels {
  const quiet = () => ({ dispose: () => undefined });
  const host = {
    context: { extensionUri: "ext" },
    client: {
      request: ({ method }: { method: string }) => {
        asked.push(method.split("/").at(-1) ?? "");
        const job = { id: "j", title: "t", request: { kind: "prune" } };
        return Promise.resolve({ job, layers: [], steps: [], perplexity: [] });
      },
    },
    runs: {
      get: () => ({ title: "t" }),
      onChange: quiet,
      onAttached: quiet,
      onUpdates: (listener: typeof told) => {
        told = listener;
        return quiet();
      },
    },
  };
  return new RunPanels(host as unknown as Host, () => "<html>");
}

const shows = (panel: Panel | undefined) =>
  (panel?.posted ?? []).filter((message) => message.type === "show");
const methodsOf = (show: ReturnType<typeof shows>[number] | undefined) =>
  show?.ahead?.map(({ method }) => method).toSorted();
const settled = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  panels.length = 0;
  asked.length = 0;
});

test("what the page will ask is asked at the click, and goes with the first message", async () => {
  open().open("matrix", source, q);
  expect(asked).toEqual(["detail", "matrix"]);
  await settled();
  panels[0]?.says({ type: "ready" });
  const [show] = shows(panels[0]);
  expect(show?.at).toEqual(q);
  expect(methodsOf(show)).toEqual(["matrix", "run"]);
  // Over a reload of the page it is old: the page asks for itself.
  panels[0]?.says({ type: "ready" });
  expect(shows(panels[0])[1]?.ahead).toEqual([]);
});

test("an answer that something has happened to since is not used", async () => {
  open().open("matrix", source, q);
  await settled();
  told({ id: "j", updates: [{ type: "note", text: "n" }] });
  panels[0]?.says({ type: "ready" });
  expect(shows(panels[0])[0]?.ahead).toEqual([]);
});

test("another matrix of a run is shown where one is shown; hidden, it is asked for at once", async () => {
  const all = open();
  all.open("matrix", source, q);
  const [panel] = panels;
  panel?.says({ type: "ready" });
  all.open("matrix", source, k);
  expect(panels).toHaveLength(1);
  expect(shows(panel).at(-1)?.at).toEqual(k);
  panel?.becomes({ visible: false, active: false });
  asked.length = 0;
  all.open("matrix", source, q);
  expect(asked).toEqual(["detail", "matrix"]);
  await settled();
  panel?.says({ type: "ready" });
  expect(shows(panel).at(-1)?.at).toEqual(q);
  expect(methodsOf(shows(panel).at(-1))).toEqual(["matrix", "run"]);
});

test("to the side there is one more; the next goes to the one that was looked at last", () => {
  const all = open();
  all.open("matrix", source, q);
  panels[0]?.says({ type: "open", view: "matrix", at: q, aside: true });
  expect(panels).toHaveLength(2);
  const [first, second] = panels;
  first?.becomes({ visible: true, active: true });
  all.open("matrix", source, k);
  expect([first?.reveal.mock.calls.length, second?.reveal.mock.calls.length]).toEqual([1, 0]);
  second?.becomes({ visible: true, active: true });
  all.open("matrix", source, k);
  expect([first?.reveal.mock.calls.length, second?.reveal.mock.calls.length]).toEqual([1, 1]);
  expect(panels).toHaveLength(2);
});

test("tabs are told apart by their matrices", () => {
  open().open("matrix", source, q);
  expect(panels[0]?.title).toBe("Matrix 1 · q: t");
  panels[0]?.says({ type: "showing", at: k });
  expect(panels[0]?.title).toBe("Matrix 2 · k: t");
});
