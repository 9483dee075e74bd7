import { strict as assert } from "node:assert";
import { join } from "node:path";
import { commands, workspace } from "vscode";
import manifest from "../../../package.json" with { type: "json" };
import { extension, until } from "./support.ts";

describe("activation", () => {
  it("happens by itself after start-up", async () => {
    await until("activation", () => (extension().isActive ? true : undefined));
  });

  it("registers every command that the manifest declares", async () => {
    const registered = await commands.getCommands(true);
    const missing = manifest.contributes.commands
      .map(({ command }) => command)
      .filter((command) => !registered.includes(command));
    assert.deepEqual(missing, []);
  });

  it("loads no native module into the extension host", () => {
    const ours = ["dist", "node_modules"].map((name) => join(extension().extensionPath, name));
    const native = Object.keys(require.cache).filter(
      (file) => file.endsWith(".node") && ours.some((folder) => file.startsWith(folder)),
    );
    assert.deepEqual(native, []);
  });

  it("VS Code knows the settings with the defaults of the manifest", () => {
    for (const [name, { default: value }] of Object.entries(
      manifest.contributes.configuration.properties,
    )) {
      assert.equal(workspace.getConfiguration().inspect(name)?.defaultValue, value, name);
    }
  });
});
