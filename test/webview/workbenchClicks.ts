/** How long a person waits for a matrix in a real workbench, for each way to one: median and worst of many clicks. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { round, type Row } from "../bench/report.ts";
import { missing, root, Workbench } from "../e2e/workbench.ts";
import { EMPTY_WEBVIEW, putEmptyWebview } from "./emptyWebview.ts";
import { paintClock } from "./paintClock.ts";

const CLICKS = 9;
/** Of the sample. */
const LAYERS = 8;

/** No rows, and why on stderr, where there is no workbench. */
export async function clicksInWorkbench(): Promise<Row[]> {
  const why = missing();
  if (why !== null) {
    console.error(why);
    return [];
  }
  const workbench = await Workbench.start();
  try {
    await putEmptyWebview(join(workbench.folder, "extensions"));
    await workbench.put("sample", join(root, "media", "sample"));
    const recipe = { checkpoint: "./sample", out: "./pruned", steps: 5, samples: 4 };
    await writeFile(join(workbench.workspace, "short.denoise.json"), JSON.stringify(recipe));
    return await measured(workbench);
  } finally {
    await workbench.close();
  }
}

async function measured(workbench: Workbench): Promise<Row[]> {
  const page = await workbench.open();
  const clock = await paintClock(page);
  await workbench.item("short.denoise.json").dblclick();
  await page.getByText("Prune", { exact: true }).first().click();
  await workbench.showContainer("DenoiseRotator");
  const run = workbench.item(/sparsegpt 2:4, Done/);
  await run.waitFor({ timeout: 300_000 });
  // From here on with the clock in every document.
  await workbench.reload();
  await workbench.showContainer("DenoiseRotator");
  await workbench.expand(run);

  const times = async (
    prepare: () => Promise<void>,
    of: (n: number) => Locator | Promise<Locator>,
  ): Promise<number[]> => {
    const all: number[] = [];
    for (let n = 0; n < CLICKS; n++) {
      await prepare();
      const target = await of(n % LAYERS);
      await target.waitFor();
      // What was opened before has come to rest.
      await page.waitForTimeout(700);
      all.push(await clock(() => target.click()));
    }
    return all;
  };
  const close = (): Promise<void> => workbench.closeEditors();
  const stay = (): Promise<void> => Promise.resolve();
  const openMap = (): Promise<void> =>
    close().then(() => workbench.command("DenoiseRotator: Open Heatmaps"));
  const layer = (n: number): Locator => workbench.item(new RegExp(`^Layer ${n},`));
  const cell = async (n: number): Promise<Locator> =>
    (await workbench.frameWith(".dr-cell rect")).locator(`[data-cell="${n}/k"]`);
  const status = (): Locator => page.getByText(EMPTY_WEBVIEW).first();

  const inNewTab = await times(close, layer);
  const inOpenTab = await times(stay, layer);
  const firstCell = await times(openMap, cell);
  const nextCell = await times(stay, cell);
  const empty = await times(close, status);
  return [
    ...row("matrix: the first click on a cell of the layer map", firstCell),
    ...row("matrix: further clicks on its cells", nextCell),
    ...row("matrix: a click on a layer in the tree, its run's tab being open", inOpenTab),
    ...row("matrix: a click on a layer in the tree, in a new tab", inNewTab),
    ...row("for comparison: an empty webview of another extension, in a new tab", empty),
  ];
}

function row(what: string, times: readonly number[]): Row[] {
  const sorted = times.toSorted((a, b) => a - b);
  const unit = "ms";
  return [
    { what: `${what} (median of ${CLICKS})`, value: round(sorted[CLICKS >> 1] ?? NaN), unit },
    { what: "the same, the worst", value: round(sorted.at(-1) ?? NaN), unit },
  ];
}
