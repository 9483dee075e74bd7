/**
 * The daemon while its worker is fully busy: how soon it is ready, how soon it answers, how soon a picture of a matrix
 * arrives and how soon a run stops. Asked for: ready < 1 s, answers < 100 ms at p99, tiles < 30 ms at p95, cancel < 2 s.
 */
import { randomFillSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSafetensors } from "../../daemon/checkpoint/index.ts";
import {
  CANCEL,
  INSPECT,
  PRUNE,
  STATUS,
  TILE,
  type RecipeFile,
  type TileParams,
} from "../../daemon/protocol.ts";
import { seededRandom } from "../../daemon/random.ts";
import { Harness, type Client } from "../daemon/harness.ts";
import { report, round, type Row } from "./report.ts";

const SAMPLE = join(process.cwd(), "media/sample");
const REQUESTS = 400;
/** A person pans and looks; nobody asks a thousand times a second. */
const PAUSE_MS = 15;
const LARGE = 4096;
const TILE_SIDE = 256;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function times(count: number, ask: (i: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await ask(i);
    taken.push(performance.now() - start);
    await pause(PAUSE_MS);
  }
  return taken.sort((a, b) => a - b);
}

function row(what: string, sorted: readonly number[], asked: string): Row {
  const at = (share: number) => round(sorted[Math.floor(share * (sorted.length - 1))] ?? NaN);
  return {
    what,
    count: sorted.length,
    "p50 ms": at(0.5),
    "p95 ms": at(0.95),
    "p99 ms": at(0.99),
    asked,
  };
}

const folder = await mkdtemp(join(tmpdir(), "dr-bench-"));
const harness = new Harness(join(process.cwd(), "dist/daemon.js"));
const rows: Row[] = [];
try {
  const home = await harness.home();
  const start = performance.now();
  const client = await harness.client(await harness.daemon(home));
  rows.push(row("daemon started and ready", [performance.now() - start], "1000 ms"));
  await client.attach();

  const large = join(folder, "large.safetensors");
  const data = randomFillSync(new Uint8Array(LARGE * LARGE * 2)).map((x, i) =>
    // Exponents of values around 1: any bytes would include NaN.
    i % 2 === 1 ? 0x3f : x,
  );
  await writeSafetensors(large, [{ name: "w", dtype: "BF16", shape: [LARGE, LARGE], data }]);
  const job = await startRun(client);
  await client.told(job, (update) => update.type === "step");

  rows.push(
    row("status during a run", await times(REQUESTS, () => client.ask(STATUS, {})), "p99 100 ms"),
  );
  const { tensors } = await client.ask(INSPECT, { checkpoint: SAMPLE });
  const names = tensors.filter(({ shape }) => shape.length === 2).map(({ name }) => name);
  const whole = (i: number): TileParams => ({
    source: { checkpoint: SAMPLE },
    tensor: names[i % names.length] ?? "",
    kind: i % 2 === 0 ? "magnitude" : "zeros",
  });
  rows.push(
    row(
      "tile of the sample during a run",
      await times(REQUESTS, (i) => client.ask(TILE, whole(i))),
      "p95 30 ms",
    ),
  );
  const random = seededRandom(1);
  const part = (): TileParams => {
    const corner = () => random.integer(LARGE - TILE_SIDE);
    const [r, c] = [corner(), corner()];
    return {
      source: { checkpoint: large },
      tensor: "w",
      kind: "magnitude",
      rows: [r, r + TILE_SIDE],
      cols: [c, c + TILE_SIDE],
    };
  };
  rows.push(
    row(
      `single weights of ${LARGE} × ${LARGE} during a run`,
      await times(REQUESTS, () => client.ask(TILE, part())),
      "p95 30 ms",
    ),
  );
  const before = performance.now();
  await client.ask(CANCEL, { id: job });
  await client.reached(job, "cancelled");
  rows.push(row("cancel", [performance.now() - before], "2000 ms"));
} finally {
  await harness.cleanUp();
  await rm(folder, { recursive: true, force: true });
}
report("wasm", rows);

/** Long enough for all that is measured. */
async function startRun(client: Client): Promise<string> {
  const recipe: RecipeFile = {
    checkpoint: SAMPLE,
    out: join(folder, "out"),
    calibration: join(SAMPLE, "calibration.txt"),
    samples: 32,
    seqLen: 256,
    steps: 4000,
    device: "wasm",
  };
  return (await client.ask(PRUNE, { recipe })).id;
}
