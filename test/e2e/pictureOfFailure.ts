/** What the workbench looked like when a test failed. */
import { join } from "node:path";
import type { RunnerTask } from "vitest";
import { root, type Workbench } from "./workbench.ts";

export async function pictureOfFailure(
  workbench: Workbench,
  { name, result }: Pick<RunnerTask, "name" | "result">,
): Promise<void> {
  if (result?.state !== "fail") return;
  const picture = join(root, "out", "e2e", `${name.replaceAll(/\W+/g, "-")}.png`);
  await workbench.screenshot(picture);
  console.log(`What it looked like: ${picture}`);
}
