/**
 * The device memory of one layer of a 70B model (d 8192, ffn 28672), counted by a device that computes nothing: what
 * is alive at once when its metric is built, a rotation takes a step, it is folded, and its widest matrix is pruned.
 */
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CudaTensorBackend } from "../../../daemon/backend/cuda/backend.ts";
import type { CudaDevice } from "../../../daemon/backend/cuda/device.ts";
import { fusedKernels } from "../../../daemon/backend/cuda/fused/index.ts";
import { tensorKernels } from "../../../daemon/backend/cuda/kernels/index.ts";
import type { DeviceMemory } from "../../../daemon/backend/cuda/runtime.ts";
import { adamStep, startAdam } from "../../../daemon/method/adam.ts";
import {
  buildMetric,
  createLayerProblem,
  dampedFactor,
  disposeEvaluation,
  disposeMetric,
  disposeRotation,
  foldRotation,
  pruneSparseGpt,
  type LayerMatrices,
} from "../../../daemon/method/index.ts";
import { matrixShape, ROLES, type LayerShape } from "../../../daemon/vocabulary.ts";

const GIB = 2 ** 30;
const SHAPE: LayerShape = { d: 8192, ffn: 28672, heads: 64, kvHeads: 8, headDim: 128 };
const PATTERN = { kind: "nm", keep: 2, of: 4 } as const;

const memory = { live: 0, peak: 0, next: 2 ** 20 };

/** Of a device what the backend and its kernels call; reads give ones, but for a single number: 0, nothing failed. */
const device = {
  gpu: {
    name: "none",
    capability: [9, 0],
    multiprocessors: 132,
    totalBytes: 24 * GIB,
    sharedBytesPerBlock: 227 * 1024,
  },
  precision: "tf32",
  allocate(bytes: number): DeviceMemory {
    memory.live += bytes;
    memory.peak = Math.max(memory.peak, memory.live);
    memory.next += 256 * Math.ceil(bytes / 256);
    return { address: memory.next, bytes };
  },
  free({ bytes }: DeviceMemory): void {
    memory.live -= bytes;
  },
  transfers: {
    upload: ({ byteLength }: Uint8Array): DeviceMemory => device.allocate(byteLength),
  },
  toBf16: (_source: number, elements: number): DeviceMemory => device.allocate(2 * elements),
  finish: (): void => undefined,
  dispose: (): void => undefined,
  launch: (): void => undefined,
  gemm: (): void => undefined,
  fill: (): void => undefined,
  copy: (): void => undefined,
};

class CountingBackend extends CudaTensorBackend {
  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const size = sizes.get(dataId) ?? 1;
    return Promise.resolve(new Float32Array(size).fill(size === 1 ? 0 : 1));
  }

  override output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const info = super.output(shape, dtype);
    sizes.set(info.dataId, tf.util.sizeFromShape([...shape]));
    return info;
  }
}
const sizes = new WeakMap<tf.DataId, number>();

beforeAll(async () => {
  const backend = new CountingBackend([device as unknown as CudaDevice]);
  tf.registerBackend("cuda", () => backend);
  await tf.setBackend("cuda");
  for (const kernel of [...tensorKernels(backend), ...fusedKernels(backend)]) {
    tf.registerKernel(kernel);
  }
});
afterAll(() => {
  tf.removeBackend("cuda");
});

const ones = (rows: number, cols: number): tf.Tensor2D => tf.fill([rows, cols], 1);

/** Most that was alive while `work` ran, GiB. */
async function peakOf<T>(work: () => T | Promise<T>): Promise<[T, number]> {
  memory.peak = memory.live;
  const result = await work();
  return [result, memory.peak / GIB];
}

test("every stage of a 70B layer stays far within 24 GiB, and nothing is left", async () => {
  const { d, ffn, heads, kvHeads, headDim } = SHAPE;
  const entries = ROLES.map((role) => [role, ones(...matrixShape(role, SHAPE))]);
  const matrices = Object.fromEntries(entries) as LayerMatrices;
  const hessians = {
    qkv: ones(d, d),
    o: ones(heads * headDim, heads * headDim),
    mlp: ones(d, d),
    down: ones(ffn, ffn),
  };
  const [{ metric }, building] = await peakOf(() =>
    buildMetric("sparsegpt", hessians, SHAPE, 0.01),
  );
  const problem = createLayerProblem(matrices, metric, SHAPE, PATTERN);
  const rotation = { r1: ones(d, d), r2: tf.fill<tf.Rank.R3>([kvHeads, headDim, headDim], 1) };
  const adam = startAdam(1, d);
  const [, stepping] = await peakOf(async () => {
    for (const objective of ["pruned-mass", "entropy"] as const) {
      const value = await problem.evaluate(rotation, { objective, temperature: 1 });
      const next = tf.tidy(() => {
        const stacked = (x: tf.Tensor2D): tf.Tensor3D => tf.reshape(x, [1, d, d]);
        return adamStep(stacked(rotation.r1), stacked(value.gradR1), adam, 0.01);
      });
      disposeEvaluation(value);
      tf.dispose([next.r, next.state.first, next.state.second, next.state.power]);
    }
  });
  problem.dispose();
  const [folded, folding] = await peakOf(() => foldRotation(matrices, rotation, SHAPE));
  disposeMetric(metric);
  tf.dispose([Object.values(folded), adam.first, adam.second, adam.power]);

  const h = ones(ffn, ffn);
  const [pruned, pruning] = await peakOf(async () => {
    const damped = await dampedFactor(h, 0.01, () => {
      h.dispose();
    });
    const options = { pattern: PATTERN, blockSize: 128 };
    const weights = pruneSparseGpt(matrices.down, damped, options);
    damped.factor.dispose();
    return weights;
  });
  disposeRotation(rotation);
  tf.dispose([pruned, Object.values(matrices)]);

  const peaks = { building, stepping, folding, pruning };
  expect(Math.max(...Object.values(peaks)), JSON.stringify(peaks)).toBeLessThan(11);
  // Seven matrices in float32 are 3.2 GiB: the counting counts.
  expect(Math.min(...Object.values(peaks))).toBeGreaterThan(3.2);
  expect(memory.live).toBe(0);
});
