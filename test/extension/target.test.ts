/** What a command is about, and which folders the menus take for checkpoints. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import type { JobInfo } from "../../daemon/protocol.ts";
import { weightsOf } from "../../extension/checkpointFiles.ts";
import type { Disposable } from "../../extension/disposable.ts";
import { watchCheckpointFolders } from "../../extension/inspect/checkpointFolders.ts";
import { checkpointOf, recipeInEditor } from "../../extension/inspect/target.ts";

type Find = () => Promise<readonly vscode.Uri[]>;

/** What the editor shows, has been told, and would tell. */
interface Editor {
  uri: vscode.Uri | undefined;
  warnings: string[];
  keys: unknown[];
  find: Find;
  events: Record<string, (event?: unknown) => unknown>;
}
const editor = vi.hoisted((): Editor => ({
  uri: undefined,
  warnings: [],
  keys: [],
  find: () => Promise.resolve([]),
  events: {},
}));
vi.mock("vscode", async () => {
  const on = (name: string) => (listener: () => void) => {
    editor.events[name] = listener;
    return { dispose: () => undefined };
  };
  const tabs = () => [{ input: { uri: editor.uri } }];
  return {
    ...(await import("./vscode.ts")),
    commands: {
      executeCommand: (_: string, __: string, keys: unknown) => {
        editor.keys.push(keys);
        return Promise.resolve();
      },
    },
    window: {
      showWarningMessage: (text: string) => void editor.warnings.push(text),
      get activeTextEditor() {
        return editor.uri === undefined ? undefined : { document: { uri: editor.uri } };
      },
      tabGroups: {
        get all() {
          return [{ tabs: tabs() }];
        },
        get activeTabGroup() {
          return { activeTab: tabs()[0] };
        },
        onDidChangeTabs: on("tabs"),
      },
    },
    workspace: {
      findFiles: () => editor.find(),
      createFileSystemWatcher: () => ({
        onDidCreate: on("create"),
        onDidDelete: on("delete"),
        dispose: () => undefined,
      }),
      onDidChangeWorkspaceFolders: on("folders"),
      onDidCreateFiles: on("created"),
      onDidRenameFiles: on("renamed"),
    },
  };
});

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
const { Uri } = vscode;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dr-target-"));
  const files = [
    ["model", "config.json"],
    ["model", "part.safetensors"],
    ["other", "config.json"],
    ["loose", "x.safetensors"],
    ["sharded", "model.safetensors.index.json"],
    ["sharded", "model-00001.safetensors"],
    ["", "notes.txt"],
    [".denoise-rotator", "run.json"],
  ] as const;
  for (const [folder, name] of files) {
    await mkdir(at(folder), { recursive: true });
    await writeFile(at(folder, name), "");
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  Object.assign(editor, { uri: undefined, warnings: [], keys: [], events: {} });
});

describe("from the palette", () => {
  const asked = () => checkpointOf(undefined, () => Promise.resolve("asked"));

  test.each([
    ["the config of a checkpoint", ["model", "config.json"], true],
    ["weights", ["loose", "x.safetensors"], true],
    ["another config.json", ["other", "config.json"], false],
  ])("%s in the editor", async (_, parts, taken) => {
    editor.uri = Uri.file(at(...parts));
    expect(await asked()).toBe(taken ? at(...parts) : "asked");
  });

  test.each(["git", "untitled"])("a recipe of %s: is not silently ignored", async (scheme) => {
    editor.uri = Uri.from({ scheme, path: "/x.denoise.json" });
    expect(await checkpointOf(recipeInEditor(), () => Promise.reject(new Error()))).toBe(undefined);
    expect(editor.warnings).toEqual([expect.stringContaining("x.denoise.json is not a file")]);
  });
});

test("the file that stands for a folder, whatever its weights are called", async () => {
  expect(await weightsOf(at("model"))).toBe(at("model", "part.safetensors"));
  expect(await weightsOf(at("sharded"))).toBe(at("sharded", "model.safetensors.index.json"));
  expect(await weightsOf(at("other", "config.json"))).toBe(undefined);
});

describe("the folders of the menus", () => {
  const runs = new vscode.EventEmitter<JobInfo | null>();
  const copied = new vscode.EventEmitter<void>();
  let searches = 0;
  const finding = (find: Find) => {
    searches = 0;
    editor.find = () => {
      searches++;
      return find();
    };
  };
  const model = () => Promise.resolve([Uri.file(at("model", "part.safetensors"))]);
  let parts: Disposable[] = [];
  const start = () => {
    parts = watchCheckpointFolders({ onChange: runs.event }, copied.event);
  };
  const keys = async (expected: unknown) => {
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    await expect.poll(() => editor.keys.at(-1)).toEqual(expected);
    vi.useFakeTimers();
  };

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    for (const part of parts) part.dispose();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test("are looked for once, not with every tab", async () => {
    finding(model);
    start();
    await keys([at("model")]);
    for (const folder of ["loose", "model", "loose"]) {
      editor.uri = Uri.file(at(folder, "x.safetensors"));
      editor.events.tabs?.();
      await vi.advanceTimersByTimeAsync(1000);
    }
    // Weights without a config are no checkpoint, also where they are open.
    await keys([at("model")]);
    expect(searches).toBe(1);
  });

  test("are looked for again when a file comes or a run is done, not for a run's own work", async () => {
    finding(model);
    start();
    await keys([at("model")]);
    const own = Uri.file(at(".denoise-rotator", "out", "layer-00000.safetensors"));
    editor.events.create?.(own);
    editor.events.delete?.(own);
    await vi.advanceTimersByTimeAsync(1000);
    expect(searches).toBe(1);
    editor.events.create?.(Uri.file(at("loose", "config.json")));
    await vi.advanceTimersByTimeAsync(1000);
    runs.fire({ state: "done" } as JobInfo);
    await vi.advanceTimersByTimeAsync(1000);
    expect(searches).toBe(3);
  });

  test("are looked for again when a folder comes whole, or goes, and when we have copied one", async () => {
    finding(model);
    start();
    await keys([at("model")]);
    const after = async (event: () => unknown) => {
      await event();
      await vi.advanceTimersByTimeAsync(1000);
      return searches;
    };
    expect(await after(() => editor.events.create?.(Uri.file(at("sharded"))))).toBe(2);
    expect(await after(() => editor.events.create?.(Uri.file(at("notes.txt"))))).toBe(2);
    expect(await after(() => editor.events.create?.(Uri.file(at(".denoise-rotator"))))).toBe(2);
    expect(await after(() => editor.events.delete?.(Uri.file(at("mod"))))).toBe(2);
    expect(await after(() => editor.events.delete?.(Uri.file(at("model"))))).toBe(3);
    expect(await after(() => editor.events.delete?.(Uri.file(root)))).toBe(4);
    expect(
      await after(() => {
        copied.fire();
      }),
    ).toBe(5);
  });

  test("a look that ends after a newer one changes nothing", async () => {
    const late: ((found: readonly vscode.Uri[]) => void)[] = [];
    finding(() => new Promise((resolve) => void late.push(resolve)));
    start();
    await vi.advanceTimersByTimeAsync(1000);
    editor.events.folders?.();
    await vi.advanceTimersByTimeAsync(1000);
    late[1]?.(await model());
    await keys([at("model")]);
    late[0]?.([]);
    await keys([at("model")]);
    expect(editor.keys).toHaveLength(1);
  });

  test("are named as this system and as a window elsewhere writes them", async () => {
    vi.spyOn(Uri, "file").mockImplementation((path) =>
      Object.defineProperty(Uri.from({ scheme: "file", path: `/c:${path}` }), "fsPath", {
        value: path,
      }),
    );
    finding(() => Promise.resolve([Uri.file(at("model", "part.safetensors"))]));
    start();
    await keys([at("model"), `/c:${at("model")}`]);
  });
});
