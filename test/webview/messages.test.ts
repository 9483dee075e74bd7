/** The doorway between pages and their host: what passes, what does not, and that every request is answered once. */
import { CancellationTokenSource, type CancellationToken } from "vscode-jsonrpc";
import { describe, expect, test } from "vitest";
import { runOfReport } from "../../extension/panels/convert.ts";
import { documentOf } from "../../extension/panels/document.ts";
import { DaemonError } from "../../extension/errors.ts";
import { PageSession, type Answers } from "../../extension/panels/session.ts";
import {
  hostMessage,
  METHODS,
  pageMessage,
  panelState,
  type HostMessage,
  type PageMessage,
} from "../../webview/messages.ts";
import { runReport } from "./fixture.ts";

describe("what a page posts", () => {
  const tile = {
    type: "request",
    id: 3,
    method: "matrixTile",
    params: { layer: 0, role: "q", kind: "after", rows: [0, 64], cols: [0, 64] },
  };

  test.each<[string, unknown]>([
    ["ready", { type: "ready" }],
    ["a tile", tile],
    ["the way to a matrix", { type: "open", view: "matrix", at: { layer: 2, role: "down" } }],
    ["a file", { type: "save", name: "layer 3 o.csv", encoding: "utf8", data: "a,b" }],
  ])("%s passes", (_, message) => {
    expect(pageMessage.safeParse(message).success).toBe(true);
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["text", "ready"],
    ["an unknown message", { type: "eval", code: "1" }],
    ["an unknown method", { ...tile, method: "readFile" }],
    ["a negative row", { ...tile, params: { ...tile.params, rows: [-1, 4] } }],
    ["a role that is none", { ...tile, params: { ...tile.params, role: "../q" } }],
    ["half an id", { ...tile, id: 0.5 }],
    ["a command of another extension", { type: "command", command: "workbench.action.quit" }],
    ["a file elsewhere", { type: "save", name: "../../.bashrc", encoding: "utf8", data: "" }],
    ["a view that is none", { type: "open", view: "terminal" }],
  ])("%s does not", (_, message) => {
    expect(pageMessage.safeParse(message).success).toBe(false);
  });

  test("parameters of one method do not pass for another's", () => {
    const inspect = { type: "request", id: 1, method: "statistics", params: { layer: 0 } };
    expect(pageMessage.safeParse(inspect).success).toBe(false);
  });
});

describe("what a host posts", () => {
  test("a report, as a run and matrix by matrix, survives the wire", () => {
    const report = runReport({ layers: 2 });
    const over = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
    const run = runOfReport(report);
    expect(METHODS.results.run.parse(over(run))).toEqual(run);
    const matrix = report.layers[1]?.matrices.down;
    expect(METHODS.results.matrix.parse(over(matrix))).toEqual(matrix);
  });

  test.each<[string, unknown]>([
    ["a show without a source", { type: "show", title: "t", at: null }],
    ["an unknown state of a job", { type: "job", job: { id: "1", state: "paused" } }],
    ["an update that is none", { type: "updates", updates: [{ type: "plan" }] }],
    ["another program's message", { source: "react-devtools" }],
  ])("%s does not pass", (_, message) => {
    expect(hostMessage.safeParse(message).success).toBe(false);
  });

  test("a tile whose ends are no numbers is refused", () => {
    const tile = { shape: [1, 1], rows: [0, "1"], cols: [0, 1], cellRows: 1, cellCols: 1 };
    const whole = { ...tile, exact: true, format: "f32", data: "" };
    expect(METHODS.results.tensorTile.safeParse(whole).success).toBe(false);
  });

  test("a kept state names one run and nothing else", () => {
    expect(panelState.safeParse({ source: { job: "a" }, page: null }).success).toBe(true);
    expect(panelState.safeParse({ source: {}, page: null }).success).toBe(false);
    expect(panelState.safeParse(undefined).success).toBe(false);
  });
});

describe("a session", () => {
  interface Held {
    readonly session: PageSession<CancellationToken>;
    readonly posted: HostMessage[];
    readonly acted: PageMessage[];
    readonly complaints: string[];
  }
  function open(answers: Answers<CancellationToken>): Held {
    const [posted, acted, complaints]: [HostMessage[], PageMessage[], string[]] = [[], [], []];
    const session = new PageSession<CancellationToken>({
      answers,
      post: (message) => posted.push(message),
      act: (message) => acted.push(message),
      cancellation() {
        const source = new CancellationTokenSource();
        return {
          token: source.token,
          cancel: () => {
            source.cancel();
          },
        };
      },
      complain: (text) => complaints.push(text),
    });
    return { session, posted, acted, complaints };
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const request = (id: number) => ({ type: "request", id, method: "inspect", params: {} });

  test("a failure is told with the daemon's code", async () => {
    const { session, posted } = open({
      answer: () =>
        Promise.reject(new DaemonError("checkpoint/truncated", "input", "It ends early.")),
    });
    session.receive(request(1));
    await settle();
    expect(posted).toEqual([
      { type: "failure", id: 1, code: "checkpoint/truncated", message: "It ends early." },
    ]);
  });

  test("a defect is told too, and complained of", async () => {
    const { session, posted, complaints } = open({
      answer: () => Promise.reject(new TypeError("x is undefined")),
    });
    session.receive(request(1));
    await settle();
    expect(posted[0]).toMatchObject({ type: "failure", id: 1 });
    expect(complaints[0]).toContain("x is undefined");
  });

  test("cancelling reaches the token of that request, and it is still answered once", async () => {
    const tokens: CancellationToken[] = [];
    const { session, posted } = open({
      answer: (_, __, token) => {
        tokens.push(token);
        return new Promise((_, reject) => {
          token.onCancellationRequested(() => {
            reject(new DaemonError("daemon/cancelled", "cancelled", "Cancelled."));
          });
        });
      },
    });
    session.receive(request(1));
    session.receive(request(2));
    session.receive({ type: "cancel", id: 2 });
    session.receive({ type: "cancel", id: 2 });
    await settle();
    expect(tokens.map((token) => token.isCancellationRequested)).toEqual([false, true]);
    expect(posted).toEqual([
      { type: "failure", id: 2, code: "daemon/cancelled", message: "Cancelled." },
    ]);
  });

  test("a page that is gone gets no answers, and what it asked for is cancelled", async () => {
    let token: CancellationToken | null = null;
    const { session, posted } = open({
      answer: (_, __, given) => {
        token = given;
        return settle().then(() => Promise.reject(new Error("late")));
      },
    });
    session.receive(request(1));
    session.dispose();
    await settle();
    await settle();
    expect(posted).toEqual([]);
    expect(token).toMatchObject({ isCancellationRequested: true });
  });

  test("garbage is complained of and does nothing", async () => {
    const { session, posted, acted, complaints } = open({
      answer: () => Promise.reject(new Error("never")),
    });
    for (const garbage of [null, 7, "x", [], { type: "request", id: 1, method: "run" }]) {
      session.receive(garbage);
    }
    await settle();
    expect([posted, acted]).toEqual([[], []]);
    expect(complaints).toHaveLength(5);
  });
});

test("a title cannot break out of the document, and nothing runs without the nonce", () => {
  const html = documentOf({
    script: "vscode-resource:/a.js",
    style: "vscode-resource:/a.css",
    title: `</title><script>alert("1")</script>`,
    nonce: "abc",
  });
  expect(html.match(/<script/g)).toHaveLength(1);
  expect(html).toContain(`script-src 'nonce-abc'`);
  expect(html).not.toMatch(/unsafe|https?:/);
});
