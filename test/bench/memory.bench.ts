/**
 * Peak memory of whole runs above an idle process, for synthetic checkpoints of 6 and of 24 layers. Idle is a process
 * that has opened its backend and multiplied once, so that the BLAS has its buffers; beside it, the peak above a process
 * that has only opened its backend. Asked for: at most two layers' weights, the Hessians and one batch of activations;
 * no growth with layers.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { openBackend } from "../../daemon/backend/index.ts";
import { windowsPerBatch } from "../../daemon/pipeline/batches.ts";
import { layerElements } from "../../daemon/pipeline/estimate.ts";
import { pruneOn } from "../../daemon/pipeline/index.ts";
import type { LayerShape } from "../../daemon/vocabulary.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { report, round, type Row } from "./report.ts";

const SHAPE: LayerShape = { d: 1024, heads: 16, kvHeads: 4, headDim: 64, ffn: 3584 };
const SEQ_LEN = 256;
/** One batch: more of them take time, not memory. */
const SAMPLES = 2;
const MB = 1e6;

/** Resident sets of one run, bytes. */
interface Resident {
  /** The backend is open. */
  readonly opened: number;
  /** It has multiplied. */
  readonly idle: number;
  readonly peak: number;
  readonly description: string;
}

/** Child: one run; prints its {@link Resident}. */
async function child(folder: string): Promise<void> {
  const backend = await openBackend("wasm");
  const opened = await settledResident();
  // As wide as the widest, so that the BLAS has all of its buffers. One number is read: what the host has of the whole
  // would count as idle until it is collected.
  const corner = tf.tidy(() => {
    const product = tf.matMul(tf.fill([SHAPE.d, SHAPE.ffn], 1), tf.fill([SHAPE.ffn, SHAPE.ffn], 1));
    return tf.slice(product, [0, 0], [1, 1]);
  });
  await corner.data();
  corner.dispose();
  const idle = await settledResident();
  await pruneOn(
    backend,
    {
      checkpoint: join(folder, "model"),
      out: join(folder, "out"),
      calibration: [join(folder, "text.txt")],
      samples: SAMPLES,
      seqLen: SEQ_LEN,
      steps: 2,
      pattern: { kind: "unstructured", share: 0.5 },
    },
    () => undefined,
    new AbortController().signal,
  );
  const peak = peakResident();
  const { description } = backend;
  process.stdout.write(JSON.stringify({ opened, idle, peak, description } satisfies Resident));
  await backend.dispose();
}

/** When what is dead has gone: arrays are freed on another thread. */
async function settledResident(): Promise<number> {
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return process.memoryUsage.rss();
}

/** The system's own count, bytes: no peak within a kernel is missed. */
function peakResident(): number {
  // `resourceUsage().maxRSS` would do elsewhere; on Linux it counts the parent too, as which this process began.
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return 1024 * (peak === undefined ? process.resourceUsage().maxRSS : Number(peak));
}

async function parent(): Promise<void> {
  const layerBytes = 4 * layerElements(SHAPE);
  const hessians = 4 * (3 * SHAPE.d ** 2 + SHAPE.ffn ** 2);
  const perBatch = windowsPerBatch({ seqLen: SEQ_LEN, ...SHAPE });
  const batch = 4 * perBatch * SEQ_LEN * (4 * SHAPE.d + 3 * SHAPE.ffn);
  const budget = 2 * layerBytes + hessians + batch;
  const rows: Row[] = [];
  let device = "";
  for (const layers of [6, 24]) {
    const folder = await mkdtemp(join(tmpdir(), "memory-"));
    const config = { max_position_embeddings: SEQ_LEN };
    await writeTinyModel(folder, { shape: SHAPE, layers, dtype: "BF16", config });
    await writeTinyText(join(folder, "text.txt"), 20_000);
    const self = fileURLToPath(import.meta.url);
    const run = spawnSync(process.execPath, ["--expose-gc", self, folder], { encoding: "utf8" });
    await rm(folder, { recursive: true });
    if (run.status !== 0) throw new Error(run.stderr);
    const { opened, idle, peak, description } = JSON.parse(run.stdout) as Resident;
    device = description;
    rows.push({
      layers,
      "idle MB": round(idle / MB),
      "peak above idle MB": round((peak - idle) / MB),
      "2 layers + Hessians + batch MB": round(budget / MB),
      ratio: round((peak - idle) / budget, 3),
      "ratio above one that never multiplied": round((peak - opened) / budget, 3),
    });
  }
  report(device, rows);
}

const [, , folder] = process.argv;
await (folder === undefined ? parent() : child(folder));
