import { strict as assert } from "node:assert";
import { commands, TabInputCustom, TabInputWebview, window } from "vscode";
import { inWorkspace, until } from "./support.ts";

const activeInput = () => window.tabGroups.activeTabGroup.activeTab?.input;

describe("editors", () => {
  for (const name of ["model/model.safetensors", "broken/model.safetensors"]) {
    it(`${name} opens in the inspector`, async () => {
      const uri = inWorkspace(...name.split("/"));
      await commands.executeCommand("vscode.open", uri);
      const input = await until("the editor", () => {
        const now = activeInput();
        return now instanceof TabInputCustom && now.uri.fsPath === uri.fsPath ? now : undefined;
      });
      assert.equal(input.viewType, "denoise-rotator.safetensors");
    });
  }

  it("Inspect Layers of a folder opens its weights", async () => {
    await commands.executeCommand("workbench.action.closeAllEditors");
    await commands.executeCommand("denoise-rotator.inspect", inWorkspace("model"));
    const input = await until("the editor", () => {
      const now = activeInput();
      return now instanceof TabInputCustom ? now : undefined;
    });
    assert.equal(input.uri.fsPath, inWorkspace("model", "model.safetensors").fsPath);
  });

  it("Prune opens one form for a checkpoint, however often it is chosen", async () => {
    await commands.executeCommand("workbench.action.closeAllEditors");
    await commands.executeCommand("denoise-rotator.prune", inWorkspace("model"));
    await commands.executeCommand("denoise-rotator.prune", inWorkspace("model"));
    const forms = await until("the form", () => {
      const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
      const found = tabs.filter(
        ({ input }) => input instanceof TabInputWebview && input.viewType.endsWith("prune"),
      );
      return found.length > 0 ? found : undefined;
    });
    assert.equal(forms.length, 1);
    assert.equal(forms[0]?.label, "Prune model");
    await commands.executeCommand("workbench.action.closeAllEditors");
  });
});
