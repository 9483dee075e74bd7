/** An update of the extension deletes the folder from which a daemon runs; the run at work must end all the same. */
import { appendFile, cp, mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findDaemon, type DaemonAddress } from "../../daemon/connect.ts";
import { DEVICES, PRUNE } from "../../daemon/protocol.ts";
import { bundleDaemon, root } from "./bundle.ts";
import { Harness, material, reportBuilt, type Material } from "./harness.ts";

const FOLDER = join("out", "daemon-test-own-files");
const MODELING = join("media", "modeling");
const MARK = "of the version that began the run";

const OLD = "daemon-test-updated";
const NEXT = "daemon-test-update";

const harnesses: Harness[] = [];
let data: Material;
beforeAll(async () => {
  data = await material();
});
afterAll(async () => {
  for (const harness of harnesses) await harness.cleanUp();
  await rm(data.folder, { recursive: true, force: true });
  for (const name of [OLD, NEXT, basename(FOLDER)]) {
    await rm(join(root, "out", name), { recursive: true, force: true });
  }
});

function harnessOf(entry: string): Harness {
  const harness = new Harness(entry);
  harnesses.push(harness);
  return harness;
}

const missing = reportBuilt ? "" : " (dist/report.js not built: npm run build)";

test.skipIf(!reportBuilt)(
  `a run ends with its own version's files${missing}`,
  async () => {
    const entry = await bundleDaemon(join(basename(FOLDER), "dist"));
    for (const name of ["report.js", "report.css"]) {
      await cp(join(root, "dist", name), join(dirname(entry), name));
    }
    await mkdir(join(root, FOLDER, "media"), { recursive: true });
    await cp(join(root, MODELING), join(root, FOLDER, MODELING), { recursive: true });
    const modeling = "modeling_denoise_rotator.py";
    await appendFile(join(root, FOLDER, MODELING, modeling), `# ${MARK}\n`);
    await appendFile(join(dirname(entry), "report.css"), `/* ${MARK} */\n`);

    const harness = harnessOf(entry);
    const client = await harness.client(await harness.daemon(await harness.home()));
    await client.attach();
    const recipe = data.recipe("updated", { rotation: "layer" });
    const { id } = await client.ask(PRUNE, { recipe });
    await client.told(id, ({ type }) => type === "layer");
    await rm(join(root, FOLDER), { recursive: true });
    await client.reached(id, "done");
    for (const name of [modeling, "denoise-report.html"]) {
      expect(await readFile(join(recipe.out, name), "utf8")).toContain(MARK);
    }
  },
  60_000,
);

test.skipIf(!reportBuilt)(
  `what is queued then runs to its end under the daemon of the new version${missing}`,
  async () => {
    const [old, next] = await Promise.all([bundleDaemon(OLD), bundleDaemon(NEXT)]);
    const harness = harnessOf(old);
    const home = await harness.home();
    const first = await harness.daemon(home);
    const client = await harness.client(first);
    await client.attach();
    const running = await client.ask(PRUNE, { recipe: data.recipe("running", { steps: 200 }) });
    const waiting = await client.ask(PRUNE, { recipe: data.recipe("waiting") });
    await client.told(running.id, ({ type }) => type === "layer");
    // A window with the new version comes, finds the old daemon busy, and is closed again.
    const asked = await harness.daemon(home, { entry: next, version: "99.0.0" });
    expect(asked.pid).toBe(first.pid);
    await rm(dirname(old), { recursive: true });
    await expect(client.ask(DEVICES, { refresh: true })).rejects.toMatchObject({
      data: { code: "jobs/files-gone" },
    });
    await client.reached(running.id, "done");
    await client.closed;

    const again = await harness.client(await daemonAfter(first.pid, home));
    expect((await again.attach()).map(({ id }) => id)).toEqual([waiting.id, running.id]);
    expect(await again.reached(waiting.id, "done")).toMatchObject({ attempt: 1, error: null });
  },
  90_000,
);

async function daemonAfter(pid: number, home: string): Promise<DaemonAddress> {
  for (;;) {
    const daemon = await findDaemon(home);
    if (daemon && daemon.pid !== pid) return daemon;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
