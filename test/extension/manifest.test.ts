/** What package.json promises to VS Code: read as VS Code reads it, so that a menu or setting cannot rot unseen. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import manifest from "../../package.json" with { type: "json" };
import { COMMANDS, RECIPE_SUFFIX } from "../../daemon/protocol.ts";

const root = join(import.meta.dirname, "..", "..");
const menuItem = z.object({ command: z.string(), when: z.string().optional() });
const menus = z.record(z.string(), z.array(menuItem)).parse(manifest.contributes.menus);
const commands = manifest.contributes.commands.map(({ command }) => command);
const settings = Object.entries(manifest.contributes.configuration.properties);

describe("commands", () => {
  test("every menu entry, welcome link and code lens is a declared command", () => {
    const linked =
      JSON.stringify(manifest.contributes).match(/command:(denoise-rotator\.\w+)/g) ?? [];
    const used = [
      ...Object.values(menus).flatMap((items) => items.map(({ command }) => command)),
      ...linked.map((link) => link.replace("command:", "")),
      ...Object.values(COMMANDS),
    ];
    expect(used.filter((command) => !commands.includes(command))).toEqual([]);
    expect(linked.length).toBeGreaterThan(4);
  });

  test.each(["prune", "dryRun", "evaluate", "resume"])("%s needs a trusted workspace", (id) => {
    const command = manifest.contributes.commands.find(
      (one) => one.command === `denoise-rotator.${id}`,
    );
    expect(command).toMatchObject({ enablement: "isWorkspaceTrusted" });
  });
});

/** As VS Code evaluates the few operators that the explorer's clauses use. */
function holds(clause: string, keys: Readonly<Record<string, unknown>>): boolean {
  const words = clause.match(/=~ \/(?:\\.|[^/])+\/|&&|\|\||!(?!=)|\(|\)|==|\bin\b|[\w.-]+/g) ?? [];
  let at = 0;
  const or = (): boolean => {
    let value = and();
    while (words[at] === "||") {
      at++;
      value = and() || value;
    }
    return value;
  };
  const and = (): boolean => {
    let value = one();
    while (words[at] === "&&") {
      at++;
      value = one() && value;
    }
    return value;
  };
  const one = (): boolean => {
    const word = words[at++] ?? "";
    if (word === "!") return !one();
    if (word === "(") {
      const value = or();
      at++;
      return value;
    }
    const left = keys[word];
    const operator = words[at] ?? "";
    if (operator === "==") return left === words[(at += 2) - 1];
    if (operator === "in") {
      const list = keys[words[(at += 2) - 1] ?? ""];
      return Array.isArray(list) && list.includes(left);
    }
    if (operator.startsWith("=~ ")) {
      at++;
      return typeof left === "string" && new RegExp(operator.slice(4, -1)).test(left);
    }
    return left === true;
  };
  return or();
}

const CHECKPOINT = "/work/llama";
const resource = (path: string, isFolder = false, scheme = "file") => ({
  resourceScheme: scheme,
  resourcePath: path,
  resourceFilename: path.split("/").at(-1),
  resourceDirname: path.split("/").slice(0, -1).join("/"),
  explorerResourceIsFolder: isFolder,
  "denoise-rotator.checkpointFolders": [CHECKPOINT],
});

describe("Prune in the explorer's menu", () => {
  const offered = (keys: Readonly<Record<string, unknown>>) =>
    (menus["explorer/context"] ?? []).some(
      ({ command, when }) => command === COMMANDS.prune && holds(when ?? "true", keys),
    );

  test.each([
    ["a checkpoint folder", resource(CHECKPOINT, true)],
    ["one on a remote machine", resource(CHECKPOINT, true, "vscode-remote")],
    ["its config.json", resource(`${CHECKPOINT}/config.json`)],
    ["weights", resource("/work/other/model.safetensors")],
    ["an index", resource("/work/other/model.safetensors.index.json")],
    ["a recipe", resource(`/work/llama-2-4${RECIPE_SUFFIX}`)],
  ])("is there for %s", (_, keys) => {
    expect(offered(keys)).toBe(true);
  });

  test.each([
    ["another folder", resource("/work/src", true)],
    ["a folder named like weights", resource("/work/x.safetensors", true)],
    ["another config.json", resource("/work/src/config.json")],
    ["the tokenizer", resource(`${CHECKPOINT}/tokenizer.json`)],
    ["another index", resource(`${CHECKPOINT}/pytorch_model.bin.index.json`)],
    ["a text", resource("/work/notes.txt")],
    ["weights in a git revision", resource("/work/other/model.safetensors", false, "git")],
  ])("is not there for %s", (_, keys) => {
    expect(offered(keys)).toBe(false);
  });
});

describe("settings", () => {
  test.each(settings)("%s is described and has a default of its type", (_, setting) => {
    const text = "description" in setting ? setting.description : setting.markdownDescription;
    expect(text.length).toBeGreaterThan(30);
    expect(typeof setting.default).toBe(setting.type);
    if ("enum" in setting) {
      expect(setting.enum).toContain(setting.default);
      expect(setting.enumDescriptions).toHaveLength(setting.enum.length);
    }
  });

  test("a workspace that is not trusted chooses no program and no folder", () => {
    const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    for (const id of ["nodePath", "stateFolder", "cudaFolder"]) {
      const name = `denoise-rotator.${id}`;
      expect(restrictedConfigurations).toContain(name);
      expect(settings.find(([one]) => one === name)?.[1].scope).toBe("machine");
    }
  });
});

test("it runs where the files are, in any trusted or untrusted, but no virtual workspace", () => {
  expect(manifest.extensionKind).toEqual(["workspace"]);
  expect(manifest.capabilities.virtualWorkspaces.supported).toBe(false);
  expect(manifest.capabilities.untrustedWorkspaces.supported).toBe("limited");
});

test("all files that it names are there", () => {
  const named = JSON.stringify(manifest.contributes).match(/(?:\.\/)?media\/[\w./-]+/g) ?? [];
  const missing = [...named, manifest.icon].filter((file) => !existsSync(join(root, file)));
  expect(missing).toEqual([]);
  expect(named.length).toBeGreaterThan(6);
});
