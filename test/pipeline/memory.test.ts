/**
 * What a run holds at once, by counting: every byte of the WASM heap that is in use, at every allocation. Asked for is
 * what `npm run bench memory` measures of the process: two layers' weights, the Hessians and one batch of activations,
 * whatever the number of layers.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../daemon/backend/index.ts";
import type { WasmBackend } from "../../daemon/backend/wasm/heap.ts";
import { windowsPerBatch } from "../../daemon/pipeline/batches.ts";
import { layerElements } from "../../daemon/pipeline/estimate.ts";
import { pruneOn } from "../../daemon/pipeline/index.ts";
import type { LayerShape } from "../../daemon/vocabulary.ts";
import { buildKernels } from "../../scripts/build-kernels.mjs";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";

const SHAPE: LayerShape = { d: 512, heads: 8, kvHeads: 2, headDim: 64, ffn: 1792 };
const SEQ_LEN = 64;

beforeAll(async () => {
  await buildKernels();
});

/** The most bytes of the heap in use at once during a run. */
async function mostInUse(layers: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "memory-"));
  const config = { max_position_embeddings: SEQ_LEN };
  await writeTinyModel(folder, { shape: SHAPE, layers, dtype: "BF16", config });
  await writeTinyText(join(folder, "text.txt"), 5000);
  const backend = await openBackend("wasm");
  const heap = (tf.backend() as unknown as WasmBackend).wasm;
  const before = { ...heap };
  const sizes = new Map<number, number>();
  let [inUse, most] = [0, 0];
  heap._malloc = (bytes) => {
    const address = before._malloc(bytes);
    sizes.set(address >>> 0, bytes);
    inUse += bytes;
    most = Math.max(most, inUse);
    return address;
  };
  heap._free = (address) => {
    inUse -= sizes.get(address >>> 0) ?? 0;
    sizes.delete(address >>> 0);
    before._free(address);
  };
  try {
    await pruneOn(
      backend,
      {
        checkpoint: join(folder, "model"),
        out: join(folder, "out"),
        calibration: [join(folder, "text.txt")],
        samples: 2,
        seqLen: SEQ_LEN,
        steps: 2,
        pattern: { kind: "unstructured", share: 0.5 },
      },
      () => undefined,
      new AbortController().signal,
    );
    return most;
  } finally {
    await backend.dispose();
    await rm(folder, { recursive: true });
  }
}

test(
  "tensors stay within the budget, and a longer model needs no more",
  { timeout: 300_000 },
  async () => {
    const perBatch = Math.min(2, windowsPerBatch({ seqLen: SEQ_LEN, ...SHAPE }));
    const layer = 4 * layerElements(SHAPE);
    const hessians = 4 * (3 * SHAPE.d ** 2 + SHAPE.ffn ** 2);
    const batch = 4 * perBatch * SEQ_LEN * (4 * SHAPE.d + 3 * SHAPE.ffn);
    const budget = 2 * layer + hessians + batch;
    const two = await mostInUse(2);
    // The rest is for arrays of the host, the BLAS and the collector; at d = 1024 the pictures weigh less, and it is a quarter.
    expect(two).toBeLessThan(0.85 * budget);
    expect(two).toBeGreaterThan(layer + hessians);
    expect(await mostInUse(3)).toBe(two);
  },
);
