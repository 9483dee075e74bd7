/**
 * The `cuda` backend against the card's own matrix products, at the shapes of LLaMA-3-8B and 70B with random weights:
 * one optimizer step, and whole layers through the pipeline (calibration 128 × 2048 tokens, SparseGPT 2:4, 200 steps).
 * On a bare GPU machine test/gpu/run.sh runs it, part by part:
 *
 *     node bench-cuda.mjs [rates:8192] [layouts:8b] [step:8b] [profile:8b] [layer:8b] [layer:70b]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listDevices } from "../../daemon/backend/index.ts";
import { layerRows } from "./cuda/layer.ts";
import { layoutRows, rateRows } from "./cuda/rates.ts";
import { isShapeName, SHAPES } from "./cuda/shapes.ts";
import { profileRows, stepRows } from "./cuda/step.ts";
import { report, type Row } from "./report.ts";

const DEFAULT_PARTS = [
  "rates:8192",
  "layouts:8b",
  "step:8b",
  "profile:8b",
  "layer:8b",
  "layer:70b",
];

async function rowsOf(part: string): Promise<Row[]> {
  const [kind, name = ""] = part.split(":");
  if (kind === "rates") return rateRows(Number(name));
  if (!isShapeName(name))
    throw new Error(`${part}: the shapes are ${Object.keys(SHAPES).join(", ")}`);
  if (kind === "layouts") return layoutRows(SHAPES[name].d, SHAPES[name].ffn);
  if (kind === "profile") return profileRows(name);
  if (kind === "step") return stepRows(name);
  if (kind !== "layer") throw new Error(`${part}: no such part`);
  // Gigabytes of activations: memory where the machine offers it as a disk.
  const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const folder = await mkdtemp(join(base, "cuda-bench-"));
  try {
    return await layerRows(name, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const cuda = (await listDevices()).find(({ device }) => device === "cuda");
if (cuda?.available !== true) {
  process.stderr.write(`  no NVIDIA GPU here: ${cuda?.missing ?? "no report"}\n`);
  report("none", []);
} else {
  const rows: Row[] = [];
  const parts = process.argv.slice(2);
  for (const part of parts.length > 0 ? parts : DEFAULT_PARTS) {
    const start = performance.now();
    rows.push(...(await rowsOf(part)).map((row) => ({ part, ...row })));
    process.stderr.write(`  ${part}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  }
  report(cuda.detail, rows);
}
