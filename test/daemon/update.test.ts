/** An update of the extension deletes the folder from which a daemon runs; the run at work must end all the same. */
import { appendFile, cp, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PRUNE } from "../../daemon/protocol.ts";
import { bundleDaemon, root } from "./bundle.ts";
import { Harness, material, reportBuilt, type Material } from "./harness.ts";

const FOLDER = join("out", "daemon-test-update");
const MODELING = join("media", "modeling");
const MARK = "of the version that began the run";

let harness: Harness | undefined;
let data: Material | undefined;
afterAll(async () => {
  await harness?.cleanUp();
  if (data) await rm(data.folder, { recursive: true, force: true });
  await rm(join(root, FOLDER), { recursive: true, force: true });
});

test.skipIf(!reportBuilt)(
  `a run ends with its own version's files${reportBuilt ? "" : " (dist/report.js not built: npm run build)"}`,
  async () => {
    const entry = await bundleDaemon(join("daemon-test-update", "dist"));
    for (const name of ["report.js", "report.css"]) {
      await cp(join(root, "dist", name), join(dirname(entry), name));
    }
    await mkdir(join(root, FOLDER, "media"), { recursive: true });
    await cp(join(root, MODELING), join(root, FOLDER, MODELING), { recursive: true });
    const modeling = "modeling_denoise_rotator.py";
    await appendFile(join(root, FOLDER, MODELING, modeling), `# ${MARK}\n`);
    await appendFile(join(dirname(entry), "report.css"), `/* ${MARK} */\n`);

    harness = new Harness(entry);
    data = await material();
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
