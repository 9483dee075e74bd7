/**
 * What the plan says of memory and disk, held against what runs really took: never less, and at most 30 % more. The
 * card is an emulated one that computes nothing but counts its memory; disk is what lies in the folder, looked at all
 * the time.
 */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CudaDevice } from "../../daemon/backend/cuda/device.ts";
import { openBackend } from "../../daemon/backend/index.ts";
import { pruneOn, type Plan, type PruneOptions } from "../../daemon/pipeline/index.ts";
import type { DeviceName, LayerShape } from "../../daemon/vocabulary.ts";
import { emulatedCuda } from "../emulation/cuda/index.ts";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";

// Read once by the driver.
process.env.EMULATED_GPU_IDLE = "1";
process.env.EMULATED_GPU_BYTES = String(8e9);
const { folder: emulation = "", missing } = await emulatedCuda();
if (emulation === "") console.log(`memory of cuda: not tested, ${missing ?? ""}`);

const never = new AbortController().signal;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "planned-"));
  await writeTinyText(join(folder, "text.txt"), 50_000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SEQ_LEN = 256;
interface Taken {
  readonly plan: Plan;
  /** Bytes of tensors on the device at their most, beside streams that stay there while there is room. */
  readonly device: number;
  readonly disk: number;
}

async function takenBy(
  device: DeviceName,
  checkpoint: string,
  more: Partial<PruneOptions>,
): Promise<Taken> {
  const backend = await openBackend(device);
  const place = await mkdtemp(join(folder, "run-"));
  const peak = device === "cuda" ? peakOfPool() : peakOfHeap();
  const plans: Plan[] = [];
  let disk = 0;
  const look = setInterval(() => {
    disk = Math.max(disk, bytesIn(place));
  }, 2);
  try {
    await pruneOn(
      backend,
      {
        ...{ checkpoint, out: join(place, "out"), calibration: [join(folder, "text.txt")] },
        ...{ samples: 2, seqLen: SEQ_LEN, steps: 4 },
        ...more,
      },
      (event) => {
        if (event.type === "plan") plans.push(event.plan);
      },
      never,
    );
    const [plan] = plans;
    if (!plan) throw new Error("a run tells its plan");
    return { plan, device: peak(), disk };
  } finally {
    clearInterval(look);
    await backend.dispose();
    await rm(place, { recursive: true });
  }
}

const peakOfPool = () => {
  const { pool } = (tf.backend() as unknown as { runtime: CudaDevice }).runtime;
  return () => pool.peakBytes;
};

/** Of what TensorFlow.js asks the heap of `wasm` for. */
function peakOfHeap(): () => number {
  const { wasm } = tf.backend() as unknown as {
    wasm: { _malloc(bytes: number): number; _free(address: number): void };
  };
  const [malloc, free] = [wasm._malloc.bind(wasm), wasm._free.bind(wasm)];
  const sizes = new Map<number, number>();
  let live = 0;
  let most = 0;
  wasm._malloc = (bytes) => {
    const address = malloc(bytes);
    sizes.set(address >>> 0, bytes);
    live += bytes;
    most = Math.max(most, live);
    return address;
  };
  wasm._free = (address) => {
    live -= sizes.get(address >>> 0) ?? 0;
    sizes.delete(address >>> 0);
    free(address);
  };
  return () => most;
}

/** Folders and files may be renamed while they are looked for: what is gone counts nothing. */
function bytesIn(place: string): number {
  const found = statSync(place, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.size ?? 0;
  return entriesOf(place).reduce((sum, name) => sum + bytesIn(join(place, name)), 0);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function expectTrue({ plan, device, disk }: Taken): void {
  const named = JSON.stringify({ device, planned: plan.deviceMemory });
  expect(plan.deviceMemory, named).toBeGreaterThanOrEqual(device);
  expect(plan.deviceMemory, named).toBeLessThanOrEqual(1.3 * device);
  const [needed, files] = [plan.workDisk + plan.outputDisk, JSON.stringify({ disk })];
  expect(needed, files).toBeGreaterThanOrEqual(disk);
  expect(needed, files).toBeLessThanOrEqual(1.3 * disk);
}

const config = { max_position_embeddings: SEQ_LEN };
const share = { kind: "unstructured", share: 0.5 } as const;
const none = { kind: "none" } as const;
const shared = { kind: "global" } as const;

describe.skipIf(emulation === "")("on a card", () => {
  const BY_SHAPE: readonly [string, LayerShape, [string, Partial<PruneOptions>][]][] = [
    [
      "wide feed-forward, grouped heads",
      { d: 1024, heads: 12, kvHeads: 3, headDim: 128, ffn: 3072 },
      [
        ["SparseGPT, 2:4", {}],
        ["SparseGPT, entropy", { objective: "entropy" }],
        ["SparseGPT, one rotation for all", { rotation: shared }],
        ["Wanda, 50 %", { method: "wanda", pattern: share }],
        ["magnitude, not rotated", { method: "magnitude", rotation: none }],
      ],
    ],
    [
      "narrow feed-forward",
      { d: 1024, heads: 8, kvHeads: 8, headDim: 64, ffn: 1024 },
      [["Wanda, one rotation for all", { method: "wanda", rotation: shared }]],
    ],
  ];
  describe.each(BY_SHAPE)("%s", (_, shape, cases) => {
    let checkpoint: string;
    beforeAll(async () => {
      const place = await mkdtemp(join(folder, "model-"));
      checkpoint = await writeTinyModel(place, { shape, dtype: "BF16", config });
      process.env.DENOISE_ROTATOR_CUDA = emulation;
      process.env.XDG_CACHE_HOME = join(emulation, "cache");
    });
    test.each(cases)("%s", { timeout: 120_000 }, async (_name, more) => {
      expectTrue(await takenBy("cuda", checkpoint, more));
    });
  });
});

describe("on the processor", () => {
  let checkpoint: string;
  beforeAll(async () => {
    const shape = { d: 384, heads: 6, kvHeads: 3, headDim: 64, ffn: 1152 };
    const place = await mkdtemp(join(folder, "model-"));
    checkpoint = await writeTinyModel(place, { shape, dtype: "BF16", config });
  });
  test.each<[string, Partial<PruneOptions>]>([
    ["SparseGPT, 2:4", {}],
    ["magnitude, one rotation for all", { method: "magnitude", rotation: shared }],
  ])("%s", { timeout: 240_000 }, async (_, more) => {
    expectTrue(await takenBy("wasm", checkpoint, more));
  });
});
