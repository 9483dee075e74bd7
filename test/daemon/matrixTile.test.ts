/**
 * Exact importance of single weights against what the run itself saw: its overviews, drawn by the engine from its own
 * tensors, which for a model this small have a cell for each weight.
 */
import { cp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  MATRIX,
  MATRIX_TILE,
  PRUNE,
  type JobInfo,
  type MatrixTileParams,
  type Overview,
  type Tile,
} from "../../daemon/protocol.ts";
import { ROLES, type Role } from "../../daemon/vocabulary.ts";
import { bundleDaemon } from "./bundle.ts";
import { Harness, material, reportBuilt, type Client, type Material } from "./harness.ts";

/**
 * Places where a magnitude |w|√c is not what the overview says, up to the overview's 256 steps and the rotation's
 * float16; below its floor an overview says nothing.
 */
function differing(values: Float32Array, overview: Overview): number[] {
  const { min, max } = overview;
  const halfStep = (max - min) / 510;
  const far: number[] = [];
  for (const [i, log] of logsOf(overview).entries()) {
    const [seen, exact] = [10 ** (log / 2), Math.sqrt(values[i] ?? NaN)];
    const quantised = (10 ** (halfStep / 2) - 1) * seen;
    const rounded = 2e-3 * 10 ** (max / 2);
    const floor = log <= min + halfStep ? seen : 0;
    if (!(Math.abs(exact - seen) <= quantised + rounded + floor)) far.push(i);
  }
  return far;
}

const floatsOf = (tile: Tile): Float32Array => {
  const bytes = Buffer.from(tile.data, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

function logsOf({ data, min, max }: Overview): Float64Array {
  return Float64Array.from(Buffer.from(data, "base64"), (byte) => min + ((max - min) * byte) / 255);
}

describe.runIf(reportBuilt)("matrix tiles (skipped without npm run build)", () => {
  let harness: Harness;
  let data: Material;
  let client: Client;

  beforeAll(async () => {
    harness = new Harness(await bundleDaemon("daemon-matrix"));
    data = await material(2);
    client = await harness.client(await harness.daemon(await harness.home()));
    await client.attach();
  });

  afterAll(async () => {
    await harness.cleanUp();
    await rm(data.folder, { recursive: true, force: true });
  });

  const tile = (params: MatrixTileParams): Promise<Tile> => client.ask(MATRIX_TILE, params);

  async function pruned(out: string, more: object): Promise<JobInfo> {
    const { id } = await client.ask(PRUNE, { recipe: data.recipe(out, more) });
    return client.reached(id, "done");
  }

  test.each([
    ["wanda", "2:4", "layer"],
    ["sparsegpt", "50%", "global"],
    ["magnitude", "2:4", "none"],
  ])(
    "%s %s, rotation %s: every weight is as important as the run saw it",
    async (method, sparsity, rotation) => {
      const job = await pruned(`${method}-${rotation}`, { method, sparsity, rotation });
      for (const layer of [0, 1]) {
        for (const role of ROLES) {
          const { overview, shape } = await client.ask(MATRIX, { id: job.id, layer, role });
          expect([overview.after.rows, overview.after.cols]).toEqual(shape);
          for (const side of ["before", "after"] as const) {
            const exact = await tile({ source: { job: job.id }, layer, role, kind: side });
            expect(exact).toMatchObject({ shape, exact: true, format: "f32" });
            const far = differing(floatsOf(exact), overview[side]);
            expect(far, `${layer} ${role} ${side}`).toEqual([]);
          }
        }
      }
    },
  );

  test("what is written has its zeros where the mask has them, 2 of every 4", async () => {
    const job = await pruned("mask", { sparsity: "2:4", method: "wanda", dtype: "f32" });
    const source = { job: job.id };
    const written = floatsOf(await tile({ source, layer: 0, role: "up", kind: "written" }));
    const zeros = Buffer.from(
      (await tile({ source, layer: 0, role: "up", kind: "zeros" })).data,
      "base64",
    );
    expect([...written].map((w) => (w === 0 ? 255 : 0))).toEqual([...zeros]);
    for (let i = 0; i < zeros.length; i += 4) {
      expect(zeros.subarray(i, i + 4).filter((z) => z === 255)).toHaveLength(2);
    }
  });

  test("an output folder is enough while its dense checkpoint is where it was, or beside it", async () => {
    const dense = join(data.folder, "models", "dense");
    await cp(data.checkpoint, dense, { recursive: true });
    const job = await pruned("folder", { checkpoint: dense, sparsity: "2:4", method: "wanda" });
    const output = job.result?.kind === "prune" ? job.result.output : "";
    const after = { source: { output }, layer: 0, role: "q", kind: "after" } as const;
    const byJob = await tile({ ...after, source: { job: job.id } });
    expect(await tile(after)).toEqual(byJob);
    // As after a run of the command line: no job knows of it.
    await client.ask({ method: "denoise-rotator/jobs/remove" }, { id: job.id });
    expect(await tile(after)).toEqual(byJob);

    await rename(dense, join(data.folder, "models", "gone"));
    await tile({ ...after, kind: "written" });
    await expect(tile(after)).rejects.toMatchObject({
      data: { code: "tiles/no-dense" },
      message: expect.stringContaining(dense) as string,
    });
    await rename(join(data.folder, "models", "gone"), join(dirname(output), "dense"));
    expect(await tile(after)).toEqual(byJob);
  });

  test("a layer that is not there, and rows that are not, are refused", async () => {
    const job = await pruned("refused", { sparsity: "2:4", method: "magnitude" });
    const source = { job: job.id };
    const asked = { source, role: "q" as Role, kind: "zeros" as const };
    await expect(tile({ ...asked, layer: 9 })).rejects.toMatchObject({ data: { kind: "input" } });
    await expect(tile({ ...asked, layer: 0, rows: [0, 1e6] })).rejects.toMatchObject({
      data: { code: "tiles/bad-range" },
    });
  });
});
