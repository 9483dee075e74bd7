/**
 * The `cuda` backend against the card's own matrix products, at the shapes of LLaMA-3-8B and 70B with random weights:
 * one optimizer step, and whole layers through the pipeline (calibration 128 × 2048 tokens, SparseGPT 2:4, 200 steps).
 * On a bare GPU machine test/gpu/run.sh runs it, part by part. Told to stop, it reports what it has measured:
 *
 *     node bench-cuda.mjs [rates:8192] [layouts:8b] [step:8b] [profile:8b] [layer:8b] [layer:70b]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listDevices } from "../../daemon/backend/index.ts";
import { layerRows } from "./cuda/layer.ts";
import { layoutRows, rateRows } from "./cuda/rates.ts";
import { isShapeName, SHAPES, type ShapeName } from "./cuda/shapes.ts";
import { profileRows, stepRows } from "./cuda/step.ts";
import { report, type Row } from "./report.ts";

/** For a layer's run to end by itself, before test/gpu/run.sh ends this process. */
const GRACE_MS = 3000;

const DEFAULT_PARTS = [
  "rates:8192",
  "layouts:8b",
  "step:8b",
  "profile:8b",
  "layer:8b",
  "layer:70b",
];

function rowsOf(part: string, signal: AbortSignal): AsyncIterable<Row> {
  const [kind, name = ""] = part.split(":");
  if (kind === "rates") return rateRows(Number(name));
  if (!isShapeName(name))
    throw new Error(`${part}: the shapes are ${Object.keys(SHAPES).join(", ")}`);
  if (kind === "layouts") return layoutRows(SHAPES[name].d, SHAPES[name].ffn);
  if (kind === "profile") return profileRows(name);
  if (kind === "step") return stepRows(name);
  if (kind !== "layer") throw new Error(`${part}: no such part`);
  return layersIn(name, signal);
}

async function* layersIn(name: ShapeName, signal: AbortSignal): AsyncGenerator<Row> {
  const folder = await mkdtemp(join(roomyFolder(), "cuda-bench-"));
  try {
    yield* layerRows(name, folder, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gigabytes of activations: memory where the machine offers enough of it as a disk; containers have 64 MB there. */
function roomyFolder(): string {
  const memory = "/dev/shm";
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize >= MOST_OF_A_RUN ? memory : tmpdir();
}

/** Copies of a 70B layer's activations, the layer, and what is made of it, bytes. */
const MOST_OF_A_RUN = 40e9;

const cuda = (await listDevices()).find(({ device }) => device === "cuda");
if (cuda?.available !== true) {
  process.stderr.write(`  no NVIDIA GPU here: ${cuda?.missing ?? "no report"}\n`);
  report("none", []);
} else {
  const { detail } = cuda;
  const rows: Row[] = [];
  const stop = new AbortController();
  process.once("SIGTERM", () => {
    stop.abort();
    setTimeout(() => {
      report(detail, rows);
      process.exit(143);
    }, GRACE_MS);
  });
  const parts = process.argv.slice(2);
  for (const part of parts.length > 0 ? parts : DEFAULT_PARTS) {
    const start = performance.now();
    for await (const row of rowsOf(part, stop.signal)) rows.push({ part, ...row });
    process.stderr.write(`  ${part}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    if (stop.signal.aborted) break;
  }
  report(detail, rows);
  if (stop.signal.aborted) process.exit(143);
}
