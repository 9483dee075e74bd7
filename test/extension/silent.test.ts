/** What must not end in nothing at all. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import type { ClientState } from "../../extension/daemonClient.ts";
import type { Host } from "../../extension/host.ts";
import { startLanguageFeatures } from "../../extension/language.ts";
import { runOf } from "../../extension/runs/pick.ts";

const said: string[] = [];
vi.mock("vscode", async () => ({
  ...(await import("./vscode.ts")),
  window: { showInformationMessage: (text: string) => void said.push(text) },
  workspace: {
    textDocuments: [],
    onDidOpenTextDocument: (listener: (document: object) => void) => {
      opened = listener;
      return { dispose: () => undefined };
    },
  },
}));
let opened: (document: object) => void = () => undefined;

beforeEach(() => {
  said.length = 0;
});

test("a command about a run that was removed says so", async () => {
  const host = {
    client: { start: () => Promise.resolve() },
    runs: { get: () => undefined, all: () => [] },
  } as unknown as Host;
  expect(await runOf(host, { job: "gone" }, () => true, "none")).toBe(undefined);
  expect(said).toEqual([expect.stringContaining("not in the list")]);
});

describe("a recipe that is opened", () => {
  test.each<[ClientState, number]>([
    ["off", 1],
    ["lost", 1],
    ["ready", 0],
  ])("while the daemon is %s starts %i", async (state, times) => {
    let started = 0;
    const start = () => {
      started++;
      return Promise.resolve();
    };
    startLanguageFeatures({ state, start } as never);
    opened({ uri: vscode.Uri.file("/x.denoise.json") });
    await new Promise((resolve) => setTimeout(resolve));
    expect(started).toBe(times);
  });
});
