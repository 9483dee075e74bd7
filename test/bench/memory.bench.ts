/**
 * Peak memory of whole runs above an idle process with its backend loaded, for synthetic checkpoints of 6 and of 24
 * layers. Asked for: at most two layers' weights, the Hessians and one batch of activations; no growth with layers.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBackend } from "../../daemon/backend/index.ts";
import { windowsPerBatch } from "../../daemon/pipeline/activations.ts";
import { layerElements } from "../../daemon/pipeline/estimate.ts";
import { pruneOn } from "../../daemon/pipeline/index.ts";
import type { LayerShape } from "../../daemon/vocabulary.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { report, round, type Row } from "./report.ts";

const SHAPE: LayerShape = { d: 512, heads: 8, kvHeads: 2, headDim: 64, ffn: 1792 };
const SEQ_LEN = 256;
const MB = 1e6;

/** Child: one run; prints its peak resident set before and after, bytes. */
async function child(layers: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "memory-"));
  const options = {
    shape: SHAPE,
    layers,
    dtype: "BF16",
    config: { max_position_embeddings: SEQ_LEN },
  } as const;
  const checkpoint = await writeTinyModel(folder, options);
  const text = await writeTinyText(join(folder, "text.txt"), 20_000);
  const backend = await openBackend("wasm");
  global.gc?.();
  const idle = process.memoryUsage.rss();
  let peak = idle;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  await pruneOn(
    backend,
    {
      checkpoint,
      out: join(folder, "out"),
      calibration: [text],
      samples: 16,
      seqLen: SEQ_LEN,
      steps: 4,
    },
    (event) => {
      if (event.type !== "note") peak = Math.max(peak, process.memoryUsage.rss());
    },
    new AbortController().signal,
  );
  clearInterval(watch);
  await rm(folder, { recursive: true });
  process.stdout.write(JSON.stringify({ idle, peak, description: backend.description }));
  await backend.dispose();
}

function parent(): void {
  const layer = 4 * layerElements(SHAPE);
  const hessians = 4 * (3 * SHAPE.d ** 2 + SHAPE.ffn ** 2);
  const perBatch = windowsPerBatch({ seqLen: SEQ_LEN, ...SHAPE });
  const batch = 4 * perBatch * SEQ_LEN * (4 * SHAPE.d + 3 * SHAPE.ffn);
  const budget = 2 * layer + hessians + batch;
  const rows: Row[] = [];
  let device = "";
  for (const layers of [6, 24]) {
    const self = fileURLToPath(import.meta.url);
    const run = spawnSync(process.execPath, ["--expose-gc", self, String(layers)], {
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(run.stderr);
    const { idle, peak, description } = JSON.parse(run.stdout) as {
      idle: number;
      peak: number;
      description: string;
    };
    device = description;
    rows.push({
      layers,
      "idle MB": round(idle / MB),
      "peak above idle MB": round((peak - idle) / MB),
      "2 layers + Hessians + batch MB": round(budget / MB),
      ratio: round((peak - idle) / budget, 3),
    });
  }
  report(device, rows);
}

const [, , layers] = process.argv;
if (layers === undefined) parent();
else await child(Number(layers));
