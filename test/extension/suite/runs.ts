import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commands, TabInputWebview, window, workspace, type CodeLens, type Tab } from "vscode";
import { z } from "zod";
import { inWorkspace, until } from "./support.ts";

const report = z.object({
  layers: z.array(z.object({ matrices: z.record(z.string(), z.object({ sparsity: z.number() })) })),
});
const seat = z.object({ pid: z.number() });

/** Process of the daemon, from its own record. */
function daemonPid(): number | undefined {
  const home = workspace.getConfiguration("denoise-rotator").get("stateFolder", "");
  const last = readdirSync(home)
    .filter((name) => name.startsWith("seat-"))
    .toSorted((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0];
  if (last === undefined) return undefined;
  return seat.parse(JSON.parse(readFileSync(join(home, last, "daemon.json"), "utf8"))).pid;
}

describe("a run", () => {
  it("starts from a recipe's lens and writes a checkpoint of which exactly half is zeros", async () => {
    const file = inWorkspace("tiny.denoise.json").fsPath;
    await commands.executeCommand("denoise-rotator.prune", { file });
    await until("the page of the run", () => {
      const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
      const isRun = ({ input }: Tab) =>
        input instanceof TabInputWebview && input.viewType.endsWith("denoise-rotator.run");
      return tabs.some(isRun) ? true : undefined;
    });
    const path = inWorkspace("pruned", "denoise-report.json").fsPath;
    await until("the report", () => (existsSync(path) ? true : undefined), 180);
    const { layers } = report.parse(JSON.parse(readFileSync(path, "utf8")));
    assert.equal(layers.length, 2);
    const shares = layers.flatMap(({ matrices }) =>
      Object.values(matrices).map(({ sparsity }) => sparsity),
    );
    assert.deepEqual(new Set(shares), new Set([0.5]));
    assert.equal(shares.length, 14);
  });
});

describe("the connection", () => {
  it("is made anew, with another daemon, when the daemon is killed", async () => {
    const before = daemonPid();
    assert(before !== undefined);
    process.kill(before, "SIGKILL");
    const after = await until("another daemon", () => {
      const pid = daemonPid();
      return pid === before ? undefined : pid;
    });
    assert.notEqual(after, before);
    const uri = inWorkspace("tiny.denoise.json");
    await until("lenses of the new daemon", async () => {
      const lenses = await commands.executeCommand<CodeLens[] | undefined>(
        "vscode.executeCodeLensProvider",
        uri,
      );
      return (lenses?.length ?? 0) > 0 ? true : undefined;
    });
  });
});
