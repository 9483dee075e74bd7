/** A workspace that the person does not trust: checkpoints can be looked at, nothing can be run. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { missing, root, Workbench } from "./workbench.ts";
import { endWith } from "./endings.ts";

const why = missing();
if (why !== null) console.log(`Skipped, the workspace that is not trusted: ${why}`);

let workbench: Workbench;

describe.skipIf(why !== null)("not trusted", () => {
  beforeAll(async () => {
    workbench = await Workbench.start({
      asksForTrust: true,
      settings: { "security.workspace.trust.startupPrompt": "never" },
    });
    await workbench.put("sample", join(root, "media", "sample"));
    await workbench.open();
  });

  endWith(() => workbench);

  test("layers can be inspected", async () => {
    await workbench.page.getByText("Restricted Mode").first().waitFor();
    await workbench.chooseInMenu(workbench.item("sample"), "Inspect Layers");
    await workbench.frameWith(".tree [role=treeitem]");
  });

  test.each(["Prune with DenoiseRotator", "Evaluate Perplexity"])(
    "%s is greyed out",
    async (entry) => {
      await workbench.item("sample").click({ button: "right" });
      const item = workbench.page.getByRole("menuitem", { name: entry });
      await item.waitFor();
      expect(await item.getAttribute("aria-disabled")).toBe("true");
      await workbench.page.keyboard.press("Escape");
    },
  );
});
