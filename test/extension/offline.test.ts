/** What is shown of runs while the daemon is not there: nothing that looks alive. */
import { beforeEach, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import type { ClientState } from "../../extension/daemonClient.ts";
import { showInStatusBar } from "../../extension/runs/statusBar.ts";
import { JobStore } from "../../extension/runs/store.ts";
import { RunTree } from "../../extension/runs/tree.ts";
import { jobInfo } from "../support/jobInfo.ts";

const item = vi.hoisted(() => ({
  text: "",
  command: undefined,
  visible: false,
  show() {
    this.visible = true;
  },
  hide() {
    this.visible = false;
  },
  dispose: () => undefined,
}));
vi.mock("vscode", async () => ({
  ...(await import("./vscode.ts")),
  window: { createStatusBarItem: () => item },
}));

const states = new vscode.EventEmitter<ClientState>();
const client = { state: "ready" as ClientState, onState: states.event };
const become = (state: ClientState) => {
  client.state = state;
  states.fire(state);
};
const store = new JobStore();
const running = jobInfo("1", 1, { title: "model" });

beforeEach(() => {
  become("ready");
  store.attached([running]);
});

test("the status bar says so and connects, until the daemon is there again", () => {
  const parts = showInStatusBar(client, store);
  expect(item).toMatchObject({ visible: true, command: { command: "denoise-rotator.openRun" } });
  become("lost");
  expect(item).toMatchObject({ visible: true, command: "denoise-rotator.reconnect" });
  expect(item.text).toContain("Disconnected");
  become("ready");
  expect(item).toMatchObject({ command: { command: "denoise-rotator.openRun" } });
  store.attached([]);
  expect(item.visible).toBe(false);
  for (const part of parts) part.dispose();
});

test("the Runs view says so above the runs, and its runs do not spin", async () => {
  const tree = new RunTree(client as never, store);
  const items = async () => (await tree.getChildren()).map((node) => tree.getTreeItem(node));
  expect(await items()).toMatchObject([{ label: "model", iconPath: { id: "sync~spin" } }]);
  become("lost");
  expect(await items()).toMatchObject([
    { label: "Disconnected", command: { command: "denoise-rotator.reconnect" } },
    { label: "model", iconPath: { id: "question" }, description: "last heard: starting" },
  ]);
  tree.dispose();
});
