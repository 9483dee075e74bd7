/** Settings as they stand in a file that anything may have been written into. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { deviceWord } from "../../daemon/recipe/index.ts";
import { isDeviceChoice } from "../../daemon/vocabulary.ts";
import { watchDeviceSetting } from "../../extension/deviceSetting.ts";
import { readSettings } from "../../extension/settings.ts";

interface Change {
  affectsConfiguration(name: string): boolean;
}
interface Editor {
  values: Record<string, unknown>;
  warnings: string[];
  change: (change: Change) => void;
}
const editor = vi.hoisted((): Editor => ({
  values: {},
  warnings: [],
  change: () => undefined,
}));
vi.mock("vscode", async () => ({
  ...(await import("./vscode.ts")),
  window: {
    showWarningMessage: (text: string) => {
      editor.warnings.push(text);
      return Promise.resolve(undefined);
    },
  },
  workspace: {
    getConfiguration: () => ({ get: (name: string) => editor.values[name] }),
    onDidChangeConfiguration: (listener: typeof editor.change) => {
      editor.change = listener;
      return { dispose: () => undefined };
    },
  },
}));

beforeEach(() => {
  editor.values = { device: "auto", effort: "balanced", notifications: "all" };
  editor.warnings = [];
});

const DEVICES = ["auto", "cuda", "cuda:1", "cuda:0,1", "cuda:12", "tensorflow", "webgpu", "wasm"];
const NO_DEVICES = ["", "gpu", "cuda:", "cuda:x", "cuda:1,", "cuda:100", "wasm:1", "CUDA"];

describe("the device", () => {
  test.each(DEVICES)("%s is taken, by the settings' page and by recipes too", (device) => {
    editor.values.device = device;
    expect(readSettings().device).toBe(device);
    expect(device).toMatch(pattern);
    expect(deviceWord.safeParse(device).success).toBe(true);
  });

  test.each(NO_DEVICES)("“%s” is none: auto is taken", (device) => {
    editor.values.device = device;
    expect(readSettings().device).toBe("auto");
    expect(device).not.toMatch(pattern);
    expect(isDeviceChoice(device)).toBe(false);
    expect(deviceWord.safeParse(device).success).toBe(false);
  });

  test.each([12, null, ["wasm"], {}])("%j is none either", (value) => {
    editor.values.device = value;
    expect(readSettings().device).toBe("auto");
  });

  test("what is none is told with what would be one, also when it becomes one later", () => {
    editor.values.device = "cuda:x";
    watchDeviceSetting();
    expect(editor.warnings).toEqual([expect.stringMatching(/“cuda:x”.*cuda:0,1/)]);
    const change = (name: string) => {
      editor.change({ affectsConfiguration: (one) => one === `denoise-rotator.${name}` });
    };
    change("effort");
    expect(editor.warnings).toHaveLength(1);
    editor.values.device = "gpu";
    change("device");
    expect(editor.warnings).toHaveLength(2);
    editor.values.device = "cuda:1";
    change("device");
    expect(editor.warnings).toHaveLength(2);
  });
});

const { properties } = manifest.contributes.configuration;
const pattern = new RegExp(properties["denoise-rotator.device"].pattern);

test("the examples of the device are devices", () => {
  const { examples } = properties["denoise-rotator.device"];
  expect(examples.filter((device) => !isDeviceChoice(device))).toEqual([]);
});

test("a folder is taken without the spaces around it", () => {
  editor.values.cudaFolder = " /opt/cuda ";
  expect(readSettings().cudaFolder).toBe("/opt/cuda");
});
