/** How a suite in a workbench ends, and each of its tests. */
import { join } from "node:path";
import { afterAll, afterEach, type RunnerTask } from "vitest";
import { root, type Workbench } from "./workbench.ts";

/** Closes the suite's workbench at its end, and keeps what it looked like when a test failed. */
export function endWith(workbench: () => Workbench): void {
  afterAll(() => workbench().close());
  afterEach(({ task }) => pictureOfFailure(workbench(), task));
}

async function pictureOfFailure(
  workbench: Workbench,
  { name, result }: Pick<RunnerTask, "name" | "result">,
): Promise<void> {
  if (result?.state !== "fail") return;
  const picture = join(root, "out", "e2e", `${name.replaceAll(/\W+/g, "-")}.png`);
  await workbench.screenshot(picture);
  console.log(`What it looked like: ${picture}`);
}
