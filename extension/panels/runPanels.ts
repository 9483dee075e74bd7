/**
 * Panels of runs: one for each page and run, beside what is being edited. A panel that is asked for again is brought to
 * the front; one that was open when the window closed is bound again from its page's state.
 */
import {
  CancellationTokenSource,
  commands,
  Uri,
  ViewColumn,
  window,
  type CancellationToken,
  type Webview,
  type WebviewPanel,
} from "vscode";
import {
  panelState,
  type HostMessage,
  type MatrixId,
  type PageMessage,
  type RunSource,
  type RunViewName,
} from "../../webview/messages.ts";
import type { Disposable } from "../disposable.ts";
import type { Host } from "../host.ts";
import { AnswersAhead } from "./ahead.ts";
import { runAnswers } from "./answers.ts";
import { jobView, runUpdates } from "./convert.ts";
import { Handover } from "./handover.ts";
import { pageOptions } from "./pageOptions.ts";
import { connectPage } from "./page.ts";
import { saveFile } from "./saveFile.ts";
import { viewType } from "./views.ts";

/** A page's document; the bundle's name is the view's. */
export type PageHtml = (webview: Webview, page: string, title: string) => string;

const TITLES: Readonly<Record<RunViewName, string>> = {
  run: "Run",
  layerMap: "Layer map",
  matrix: "Matrix",
  distribution: "Distribution",
};

interface Bound {
  /** View and run. */
  readonly key: string;
  readonly panel: WebviewPanel;
  readonly at: Handover<MatrixId>;
  readonly ahead: AnswersAhead<CancellationToken>;
}

export class RunPanels implements Disposable {
  /** Those looked at last come last. */
  #panels: readonly Bound[] = [];

  constructor(
    private readonly host: Host,
    private readonly html: PageHtml,
  ) {}

  /** A panel that was open when the window closed. */
  restore(panel: WebviewPanel, view: RunViewName, state: unknown): void {
    const kept = panelState.safeParse(state);
    // A page that never came so far as to know its run has nothing to be restored.
    if (kept.success) this.#bind(panel, view, kept.data.source, null);
    else panel.dispose();
  }

  /** In the panel that shows this view of this run already; `another`: in one more, which leaves those as they are. */
  open(
    view: RunViewName,
    source: RunSource,
    at: MatrixId | null,
    { beside = true, another = false } = {},
  ): void {
    const known = this.#panels.findLast(({ key }) => key === keyOf(view, source));
    if (known !== undefined && !another) {
      // A hidden tab has no page: it is made anew, and asks again.
      if (!known.panel.visible) begin(known.ahead, view, at);
      if (at !== null) known.at.give(at);
      known.panel.reveal(undefined, false);
      return;
    }
    const panel = window.createWebviewPanel(
      viewType(view),
      this.#title(view, source, at) ?? TITLES[view],
      { viewColumn: beside ? ViewColumn.Beside : ViewColumn.Active, preserveFocus: false },
      pageOptions(this.host.context.extensionUri),
    );
    this.#bind(panel, view, source, at);
  }

  dispose(): void {
    for (const { panel } of this.#panels) panel.dispose();
  }

  #bind(panel: WebviewPanel, view: RunViewName, source: RunSource, first: MatrixId | null): void {
    const { client, context } = this.host;
    const { extensionUri } = context;
    const answers = runAnswers(client, source);
    const ahead = new AnswersAhead(answers, new CancellationTokenSource().token);
    begin(ahead, view, first);
    const at = new Handover<MatrixId>((next) => {
      session.post({
        type: "show",
        title: this.#runTitle(source) ?? TITLES[view],
        at: next,
        source,
        ahead: ahead.take(),
      });
    }, first);
    panel.webview.options = pageOptions(extensionUri);
    panel.iconPath = {
      light: Uri.joinPath(extensionUri, "media", "tab-light.svg"),
      dark: Uri.joinPath(extensionUri, "media", "tab-dark.svg"),
    };
    // A restored panel is there before the daemon has told what its run is called: it keeps the title it had.
    let shown = first;
    const named = (): void => {
      const title = this.#title(view, source, shown);
      if (title !== null && title !== panel.title) panel.title = title;
    };
    named();
    const session = connectPage(panel.webview, answers, (message) => {
      if (message.type === "ready") at.ready();
      else if (message.type === "showing") {
        shown = message.at;
        named();
      } else this.#act(message, source);
    });
    const known: Bound = { key: keyOf(view, source), panel, at, ahead };
    this.#panels = [...this.#panels, known];
    const told = (message: HostMessage): void => {
      ahead.forget();
      session.post(message);
    };
    const bound = [
      session,
      panel.onDidChangeViewState(() => {
        if (panel.active) this.#panels = [...this.#others(panel), known];
        if (panel.visible) return;
        at.gone();
        ahead.forget();
      }),
      ...("job" in source ? this.#follow(source.job, told, named) : []),
    ];
    panel.onDidDispose(() => {
      this.#panels = this.#others(panel);
      for (const one of bound) one.dispose();
    });
    panel.webview.html = this.html(panel.webview, view, panel.title);
  }

  #others(panel: WebviewPanel): readonly Bound[] {
    return this.#panels.filter((bound) => bound.panel !== panel);
  }

  /** What happens to a job goes to its page. */
  #follow(id: string, post: (message: HostMessage) => void, named: () => void): Disposable[] {
    const { runs } = this.host;
    let present = runs.get(id) !== undefined;
    return [
      runs.onChange((job) => {
        if (job?.id === id) {
          present = true;
          named();
          post({ type: "job", job: jobView(job) });
        } else if (job === null && present && runs.get(id) === undefined) {
          present = false;
          post({ type: "job", job: null });
        }
      }),
      runs.onUpdates((told) => {
        if (told.id !== id) return;
        const updates = runUpdates(told.updates);
        post(updates === null ? { type: "stale" } : { type: "updates", updates });
      }),
      runs.onAttached(() => {
        named();
        post({ type: "stale" });
      }),
    ];
  }

  #act(
    message: Exclude<PageMessage, { type: "request" | "cancel" | "ready" | "showing" }>,
    source: RunSource,
  ): void {
    switch (message.type) {
      case "open":
        this.open(message.view, source, message.at ?? null, {
          beside: message.aside === true,
          another: message.aside === true,
        });
        return;
      case "command": {
        const argument = "job" in source ? source : { checkpoint: source.output };
        void commands.executeCommand(`denoise-rotator.${message.command}`, argument);
        return;
      }
      case "save":
        void saveFile(message);
        return;
      default:
        message satisfies never;
    }
  }

  #title(view: RunViewName, source: RunSource, at: MatrixId | null): string | null {
    const run = this.#runTitle(source);
    if (run === null) return null;
    const matrix = at !== null && isOfOneMatrix(view) ? ` ${at.layer} · ${at.role}` : "";
    return `${TITLES[view]}${matrix}: ${run}`;
  }

  /** Null: the daemon has not told. */
  #runTitle(source: RunSource): string | null {
    if ("job" in source) return this.host.runs.get(source.job)?.title ?? null;
    return source.output.split(/[\\/]/).findLast((part) => part !== "") ?? source.output;
  }
}

const isOfOneMatrix = (view: RunViewName): boolean => view === "matrix" || view === "distribution";

/** What the page is going to ask first. */
function begin(
  ahead: AnswersAhead<CancellationToken>,
  view: RunViewName,
  at: MatrixId | null,
): void {
  ahead.start({ method: "run", params: {} });
  if (at !== null && isOfOneMatrix(view)) {
    ahead.start({ method: "matrix", params: { layer: at.layer, role: at.role } });
  }
}

const keyOf = (view: RunViewName, source: RunSource): string => JSON.stringify([view, source]);
