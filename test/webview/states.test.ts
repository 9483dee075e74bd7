/**
 * What every page of the panels says while it waits, when there is nothing to see yet, and when it cannot be shown;
 * photographed in every theme into out/screenshots.
 */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { CancellationToken } from "vscode-jsonrpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DaemonError } from "../../extension/errors.ts";
import { runOfReport } from "../../extension/panels/convert.ts";
import type { Answers } from "../../extension/panels/session.ts";
import type { MethodName, RunView } from "../../webview/messages.ts";
import { launch } from "./browser.ts";
import { buildPages } from "./built.ts";
import { runReport } from "./fixture.ts";
import { jobView } from "./jobView.ts";
import { openPanel, type Panel } from "./panel.ts";
import { THEMES } from "./themes.ts";

const SCREENSHOTS = fileURLToPath(new URL("../../out/screenshots/", import.meta.url));
const launched = await launch();
const missing = launched.browser === undefined ? `, skipped: ${launched.reason}` : "";
const source = { job: "20261127T120000000-0000" };

const job = jobView({ id: source.job, state: "queued", startedAt: null });
const report = runReport({ layers: 3 });
const whole: RunView = { ...runOfReport(report), job: { ...job, state: "done" } };
const queued: RunView = { ...whole, layers: [], perplexity: [], fallbacks: [], job };
const failed: RunView = {
  ...queued,
  job: {
    ...job,
    state: "failed",
    resumable: true,
    error: {
      code: "checkpoint/disk-full",
      message: "/models has 12 GB free, and the next layer needs 13 GB. Make room, then resume.",
    },
  },
};
const noTensors = { root: "/m", files: [], tensors: [], metadata: {}, modelType: null, notes: [] };

/** Answers by method; one that is missing never comes. */
function answering(table: Partial<Record<MethodName, () => unknown>>): Answers<CancellationToken> {
  return {
    answer: (method) =>
      new Promise((resolve, reject) => {
        const answer = table[method];
        if (answer === undefined) return;
        try {
          resolve(answer() as never);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      }),
  };
}
const fails = (code: string, message: string) => () => {
  throw new DaemonError(code, "input", message);
};
const unknown = fails("jobs/no-such-job", "No job 20261127T120000000-0000 is in the history.");
const truncated = fails(
  "checkpoint/truncated",
  "/models/a.safetensors: the file ends after 12 of 40 bytes. Download it again.",
);
const layerGone = fails("jobs/no-such-layer", "Layer 1 of this run is not there any more.");

interface State {
  readonly view: string;
  readonly name: string;
  readonly answers: Answers<CancellationToken>;
  /** What the page then says. */
  readonly says: RegExp;
  readonly after?: (page: Page) => Promise<void>;
}

const ofRun = (name: string, table: Parameters<typeof answering>[0], says: RegExp) =>
  (["run", "layerMap", "matrix", "distribution"] as const).map((view): State => ({
    view,
    name,
    answers: answering(table),
    says,
  }));
const states: readonly State[] = [
  ...ofRun("loading", {}, /Asking for the run…/),
  ...ofRun("error", { run: unknown }, /cannot be shown.*jobs\/no-such-job/s),
  { view: "run", name: "queued", answers: answering({ run: () => queued }), says: /Queued/ },
  { view: "run", name: "failed", answers: answering({ run: () => failed }), says: /Make room/ },
  {
    view: "layerMap",
    name: "queued",
    answers: answering({ run: () => queued }),
    says: /0 of 3 layers are done/,
  },
  {
    view: "layerMap",
    name: "matrix-loading",
    answers: answering({ run: () => whole }),
    says: /Asking for layer 1 · k…/,
    after: (page) => page.locator('[data-cell="1/k"]').click(),
  },
  {
    view: "layerMap",
    name: "matrix-error",
    answers: answering({ run: () => whole, matrix: layerGone }),
    says: /Layer 1 · k cannot be shown.*jobs\/no-such-layer/s,
    after: (page) => page.locator('[data-cell="1/k"]').click(),
  },
  ...(["matrix", "distribution"] as const).flatMap((view): State[] => [
    {
      view,
      name: "queued",
      answers: answering({ run: () => queued }),
      says: /No layer is finished yet/,
    },
    {
      view,
      name: "ended-early",
      answers: answering({ run: () => failed }),
      says: /ended before its first layer was done.*Resume/s,
    },
    {
      view,
      name: "matrix-error",
      answers: answering({ run: () => whole, matrix: layerGone }),
      says: /cannot be shown.*jobs\/no-such-layer/s,
    },
  ]),
  {
    view: "matrix",
    name: "no-single-weights",
    answers: answering({
      run: () => whole,
      matrix: () => report.layers[0]?.matrices.q,
      matrixTile: fails("tiles/no-dense", "The dense checkpoint is no longer at /models/dense."),
    }),
    says: /no longer at \/models\/dense/,
  },
  { view: "safetensors", name: "loading", answers: answering({}), says: /Reading headers…/ },
  {
    view: "safetensors",
    name: "empty",
    answers: answering({ inspect: () => noTensors }),
    says: /without any tensor/,
  },
  {
    view: "safetensors",
    name: "error",
    answers: answering({ inspect: truncated }),
    says: /cannot be shown.*checkpoint\/truncated/s,
  },
];

describe.runIf(missing === "")(`states of the pages${missing}`, () => {
  beforeAll(() => {
    buildPages();
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  afterAll(() => launched.browser?.close());

  const open = async (state: State, theme: (typeof THEMES)[number]): Promise<Panel> => {
    const { browser } = launched;
    if (browser === undefined) throw new Error(missing);
    const { view, answers, after } = state;
    const size = { width: 760, height: 460 };
    const panel = await openPanel(browser, { view, answers, theme, source, title: "a", ...size });
    await after?.(panel.page);
    await panel.page.locator("#page").filter({ hasText: state.says }).waitFor();
    return panel;
  };

  for (const theme of THEMES) {
    test(`every one is there, and photographed: ${theme.name}`, async () => {
      for (const state of states) {
        await using panel = await open(state, theme);
        // Nothing is said of what is answered at once.
        if (state.name.endsWith("loading")) {
          await panel.page.getByRole("status").filter({ hasText: state.says }).waitFor();
        }
        const file = `state-${state.view}-${state.name}-${theme.name}.png`;
        await panel.page.screenshot({ path: `${SCREENSHOTS}${file}`, fullPage: true });
        expect(panel.noise, file).toEqual([]);
      }
    }, 120_000);
  }

  test("what cannot be shown is announced, and can be tried again", async () => {
    const [light] = THEMES;
    for (const state of states.filter(({ name }) => name.endsWith("error"))) {
      await using panel = await open(state, light);
      const alert = panel.page.getByRole("alert").filter({ hasText: state.says });
      await alert.getByRole("button", { name: "Try again" }).click();
      // The same answer again.
      await alert.waitFor();
    }
  }, 120_000);
});
