/** Starting a pruning: what a person is asked, and what is never sent. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import type { JobInfo } from "../../daemon/protocol.ts";
import type { ClientState } from "../../extension/daemonClient.ts";
import { DaemonError } from "../../extension/errors.ts";
import type { Host } from "../../extension/host.ts";
import { startPruning } from "../../extension/prune/start.ts";

const shown = vi.hoisted(() => ({
  trusted: true,
  answer: undefined as string | undefined,
  warnings: [] as string[],
}));
vi.mock("vscode", async () => ({
  ...(await import("./vscode.ts")),
  window: {
    showWarningMessage: (text: string) => {
      shown.warnings.push(text);
      return Promise.resolve(shown.answer);
    },
  },
  workspace: {
    get isTrusted() {
      return shown.trusted;
    },
  },
}));

const unfinished = () =>
  new DaemonError("pipeline/unfinished-run", "usage", "An unfinished run lies there.");
const source = { file: "/x.denoise.json" };

/** A daemon that has an unfinished run of this output, and never tells of the job it makes. */
function scene() {
  const states = new vscode.EventEmitter<ClientState>();
  const changes = new vscode.EventEmitter<JobInfo | null>();
  const asked: unknown[] = [];
  const opened: string[] = [];
  const jobs = new Map<string, unknown>();
  const client = {
    state: "ready" as ClientState,
    onState: states.event,
    request: (_: unknown, params: { resume?: boolean }) => {
      asked.push(params);
      return params.resume === true ? Promise.resolve({ id: "1" }) : Promise.reject(unfinished());
    },
  };
  const runs = { get: (id: string) => jobs.get(id), onChange: changes.event };
  const panels = {
    openRun: (id: string) => {
      opened.push(id);
      return Promise.resolve();
    },
  };
  const start = () =>
    startPruning(
      { client, runs } as unknown as Host,
      panels as never,
      { await: () => undefined } as never,
      source,
    );
  return {
    ...{ start, asked, opened },
    tell: () => {
      jobs.set("1", {});
      changes.fire(null);
    },
    drop: () => {
      client.state = "lost";
      states.fire("lost");
    },
  };
}

beforeEach(() => {
  Object.assign(shown, { trusted: true, answer: undefined, warnings: [] });
});

describe("an unfinished run of the same output", () => {
  test("is continued where the person says so", async () => {
    shown.answer = "Continue It";
    const { start, tell, asked, opened } = scene();
    const started = start();
    await expect.poll(() => asked).toEqual([source, { ...source, resume: true }]);
    tell();
    expect([await started, opened]).toEqual([true, ["1"]]);
  });

  test("is left alone where they do not", async () => {
    const { start, asked } = scene();
    expect(await start()).toBe(false);
    expect(asked).toEqual([source]);
  });
});

test("a connection that drops before the run is known does not keep the form waiting", async () => {
  shown.answer = "Continue It";
  const { start, drop, asked, opened } = scene();
  const started = start();
  await expect.poll(() => asked).toHaveLength(2);
  drop();
  expect([await started, opened]).toEqual([true, ["1"]]);
});

test("in a workspace that is not trusted nothing is sent, and the person is told", async () => {
  shown.trusted = false;
  const { start, asked } = scene();
  expect(await start()).toBe(false);
  expect(asked).toEqual([]);
  expect(shown.warnings.join()).toContain("trusted workspace");
});
