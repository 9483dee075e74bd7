/** Runs `suite/` with Mocha inside the extension host of a real workbench, as `npm run test:electron` does. */
import { afterAll, expect, test } from "vitest";
import { missing, root, Workbench } from "../e2e/workbench.ts";
import { bundleSuite } from "./bundleSuite.ts";
import { writeMaterial } from "./material.ts";

const why = missing();
if (why !== null) console.log(`Skipped, the extension host: ${why}`);

let workbench: Workbench | null = null;
afterAll(async () => {
  await workbench?.close();
});

test.skipIf(why !== null)(
  "the suite passes in the extension host",
  async () => {
    const suite = await bundleSuite("host");
    workbench = await Workbench.start({ installed: false });
    await writeMaterial(workbench.workspace);
    const { code, output } = await workbench.runInHost(root, suite);
    console.log(output);
    expect(code, output).toBe(0);
    expect(output).toMatch(/[1-9]\d* passing/);
  },
  400_000,
);
