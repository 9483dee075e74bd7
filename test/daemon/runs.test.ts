/** Jobs through a real daemon: to the end, cancelled, killed, resumed, queued, refused. */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CancellationTokenSource, ProgressType } from "vscode-jsonrpc/node";
import {
  ATTACH,
  CANCEL,
  DETAIL,
  ERROR,
  EVALUATE,
  JOB_PROGRESS,
  JOB_REMOVED,
  JOB_UPDATES,
  LAYER,
  LOG,
  MATRIX,
  PRUNE,
  REMOVE,
  RESUME,
  TILE,
  type JobProgress,
  type JobUpdate,
} from "../../daemon/protocol.ts";
import { ROLES } from "../../daemon/vocabulary.ts";
import { bundleDaemon } from "./bundle.ts";
import {
  endProcess,
  Harness,
  material,
  reportBuilt,
  workerOf,
  type Client,
  type Material,
} from "./harness.ts";

let harness: Harness;
let home: string;
let data: Material;
let client: Client;

beforeAll(async () => {
  harness = new Harness(await bundleDaemon("daemon-test-runs"));
  home = await harness.home();
  data = await material(LAYERS);
  client = await harness.client(await harness.daemon(home));
  await client.attach();
});
afterAll(async () => {
  await harness.cleanUp();
  await rm(data.folder, { recursive: true, force: true });
});

/** Enough that a run which has told of its first layer is not over before it is asked to stop. */
const LAYERS = 6;
const INDICES = Array.from({ length: LAYERS }, (_, index) => index);

const weights = (out: string) => readFile(join(data.folder, out, "model.safetensors"));
const isLayer = (update: JobUpdate) => update.type === "layer";

describe.skipIf(!reportBuilt)(
  `runs${reportBuilt ? "" : " (dist/report.js not built: npm run build)"}`,
  () => {
    test("two clients see one run to its end, each from when it came", async () => {
      const seen: JobUpdate[] = [];
      client.on(JOB_UPDATES, ({ updates }) => seen.push(...updates));
      const progresses: JobProgress[] = [];
      client.on(JOB_PROGRESS, ({ progress }) => progresses.push(progress));
      const recipe = data.recipe("whole", {
        evaluation: { text: data.text, seqLen: 24, maxWindows: 4 },
      });
      const { id, state, title } = await client.ask(PRUNE, { recipe });
      expect([state, title]).toEqual(["queued", "model · sparsegpt 2:4"]);
      await client.told(id, isLayer);

      const second = await harness.client(await harness.daemon(home));
      const [found] = await second.attach();
      expect(found).toMatchObject({ id, state: "running" });
      const early = await second.ask(DETAIL, { id });
      expect(early.layers.map(({ index }) => index)[0]).toBe(0);
      const done = await second.reached(id, "done");
      await client.reached(id, "done");
      expect(done).toMatchObject({
        result: { kind: "prune", output: recipe.out, sparsity: 0.5 },
        progress: { fraction: 1 },
        resumable: false,
        work: null,
      });
      expect(await second.ask(DETAIL, { id })).toEqual(await client.ask(DETAIL, { id }));

      // Steps of every layer, none left out and none twice, though they travel in batches.
      const steps = seen.flatMap((update) => (update.type === "step" ? [update.point] : []));
      for (const layer of INDICES) {
        const mine = steps.filter(({ layers }) => layers[0] === layer).map(({ step }) => step);
        expect(mine).toEqual(Array.from(mine, (_, i) => (mine[0] ?? 0) + i));
        expect(mine.length).toBeGreaterThanOrEqual(40);
        const known = steps.filter(
          ({ layers, entropy }) => layers[0] === layer && entropy !== undefined,
        );
        expect(known.map(({ step }) => step)).toEqual(expect.arrayContaining([1, 11, 21, 31]));
      }
      const fractions = progresses.map(({ fraction }) => fraction);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(new Set(progresses.map(({ stage }) => stage))).toContain("rotate");
      expect(progresses.some(({ layer, layers }) => layer === 1 && layers === LAYERS)).toBe(true);
      expect(progresses.at(-1)).toMatchObject({ sparsity: 0.5 });

      const detail = await client.ask(DETAIL, { id });
      expect(detail.layers.map(({ index }) => index)).toEqual(INDICES);
      expect(detail.perplexity.map(({ label }) => label)).toEqual([
        "dense",
        "pruned",
        "rotated + pruned",
      ]);
      const layer = await client.ask(LAYER, { id, layer: 1 });
      expect(layer).toMatchObject({ index: 1, entropy: detail.layers[1]?.entropy });
      for (const role of ROLES) {
        expect(await client.ask(MATRIX, { id, layer: 1, role })).toEqual(layer.matrices[role]);
      }
      await expect(client.ask(LAYER, { id, layer: LAYERS })).rejects.toMatchObject({
        data: { code: "jobs/no-such-layer" },
      });

      // The mask as a person sees it: exactly 2 of every 4 along a row.
      const tensor = "model.layers.1.mlp.down_proj.weight";
      const tile = await client.ask(TILE, { source: { job: id }, tensor, kind: "zeros" });
      expect([tile.exact, tile.shape]).toEqual([true, [16, 32]]);
      const cells = Buffer.from(tile.data, "base64");
      for (let i = 0; i < cells.length; i += 4) {
        expect(cells.subarray(i, i + 4).filter((zero) => zero === 255).length).toBe(2);
      }
      second.close();
    });

    test("cancelled, its worker killed, resumed twice: the same bytes as uninterrupted", async () => {
      const recipe = data.recipe("stopped", {
        evaluation: { text: data.text, seqLen: 24, maxWindows: 4 },
      });
      const { id } = await client.ask(PRUNE, { recipe });
      await client.told(id, isLayer);
      const cancelled = await client.ask(CANCEL, { id });
      expect(cancelled).toMatchObject({ state: "cancelled", resumable: true, error: null });
      await expect(client.ask(CANCEL, { id })).rejects.toMatchObject({
        code: ERROR.usage,
        data: { code: "jobs/not-active" },
      });

      // What is finished can be looked at already.
      const tensor = "model.layers.0.self_attn.q_proj.weight";
      const written = await client.ask(TILE, { source: { job: id }, tensor, kind: "magnitude" });
      expect(written.shape).toEqual([16, 16]);
      const { overview } = await client.ask(MATRIX, { id, layer: 0, role: "q" });
      expect([overview.before, overview.after, overview.mask].map(({ rows }) => rows)).toEqual([
        16, 16, 16,
      ]);

      expect(await client.ask(RESUME, { id })).toMatchObject({ state: "queued", attempt: 2 });
      await client.told(id, isLayer);
      await endProcess(await workerOf(home, id), "SIGKILL");
      const crashed = await client.reached(id, "failed");
      expect(crashed).toMatchObject({ resumable: true, error: { code: "jobs/worker-crashed" } });
      expect(crashed.error?.message).toContain("SIGKILL");

      const done = await client.ask(RESUME, { id, wait: true });
      expect(done).toMatchObject({ state: "done", attempt: 3 });
      expect((await weights("stopped")).equals(await weights("whole"))).toBe(true);
      expect((await client.ask(LOG, { id })).text).toBeTypeOf("string");
    });

    test("pruning again after a cancel is refused at once, and continues where that is asked for", async () => {
      const recipe = data.recipe("again");
      const first = await client.ask(PRUNE, { recipe });
      await client.told(first.id, isLayer);
      await client.ask(CANCEL, { id: first.id });
      const before = (await client.ask(ATTACH, {})).jobs.length;
      await expect(client.ask(PRUNE, { recipe })).rejects.toMatchObject({
        code: ERROR.usage,
        data: { code: "pipeline/unfinished-run" },
      });
      expect((await client.ask(ATTACH, {})).jobs).toHaveLength(before);
      const done = await client.ask(PRUNE, { recipe, resume: true, wait: true });
      expect(done).toMatchObject({ state: "done", attempt: 1 });
    });

    test("what waits for the device can be cancelled before it starts", async () => {
      const memory = new Promise<JobProgress>((resolve) => {
        client.on(JOB_PROGRESS, ({ progress }) => {
          if (progress.hostBytes) resolve(progress);
        });
      });
      const long = await client.ask(PRUNE, { recipe: data.recipe("long", { steps: 100_000 }) });
      await client.reached(long.id, "running");
      await expect(client.ask(PRUNE, { recipe: data.recipe("long") })).rejects.toMatchObject({
        data: { code: "jobs/output-in-use" },
      });
      const next = await client.ask(PRUNE, { recipe: data.recipe("next") });
      await expect(client.ask(REMOVE, { id: next.id })).rejects.toMatchObject({
        data: { code: "jobs/still-active" },
      });
      expect(await client.ask(CANCEL, { id: next.id })).toMatchObject({
        state: "cancelled",
        startedAt: null,
      });
      await client.told(long.id, ({ type }) => type === "step");
      expect(await memory).toMatchObject({ deviceBytes: expect.any(Number) as number });
      expect(await client.ask(CANCEL, { id: long.id })).toMatchObject({ state: "cancelled" });

      const work = join(data.folder, ".denoise-rotator", "long");
      expect(existsSync(work)).toBe(true);
      const removed: string[] = [];
      client.on(JOB_REMOVED, ({ id }) => removed.push(id));
      await client.ask(REMOVE, { id: long.id, deleteWork: true });
      await client.ask(REMOVE, { id: next.id });
      expect(removed).toEqual([long.id, next.id]);
      expect(existsSync(work)).toBe(false);
      await expect(client.ask(DETAIL, { id: long.id })).rejects.toMatchObject({
        data: { code: "jobs/no-such-job" },
      });
    });

    test("a request that waits reports progress, and cancelling it cancels the job", async () => {
      const kinds: string[] = [];
      client.connection.onProgress(new ProgressType<{ kind: string }>(), "mine", ({ kind }) => {
        kinds.push(kind);
      });
      const source = new CancellationTokenSource();
      const recipe = data.recipe("waited", { steps: 100_000 });
      const answer = client.ask(PRUNE, { recipe, wait: true, workDoneToken: "mine" }, source.token);
      const refused = expect(answer).rejects.toMatchObject({
        code: ERROR.cancelled,
        data: { kind: "cancelled" },
      });
      while (!kinds.includes("report")) await new Promise((resolve) => setTimeout(resolve, 20));
      source.cancel();
      await refused;
      expect([kinds[0], kinds.at(-1)]).toEqual(["begin", "end"]);
    });

    test("evaluation is a job; a checkpoint that cannot be read fails with its reason", async () => {
      const evaluate = {
        checkpoint: data.checkpoint,
        text: [data.text],
        seqLen: 24,
        maxWindows: 4,
        device: "wasm",
      } as const;
      const done = await client.ask(EVALUATE, { ...evaluate, wait: true });
      expect(done.result).toMatchObject({ kind: "evaluate", windows: 4, tokens: 4 * 23 });

      const missing = { ...evaluate, checkpoint: join(data.folder, "nowhere"), wait: true };
      await expect(client.ask(EVALUATE, missing)).rejects.toMatchObject({
        code: ERROR.input,
        data: { code: "checkpoint/not-found", kind: "input" },
      });
      const bad = { recipe: { ...data.recipe("bad"), sparsity: "4:2" } };
      await expect(client.ask(PRUNE, bad)).rejects.toMatchObject({
        code: ERROR.usage,
        message: expect.stringMatching(/^recipe: sparsity: Give N:M/) as string,
        data: { code: "recipe/bad-option", kind: "usage", option: "sparsity" },
      });
    });
  },
);
