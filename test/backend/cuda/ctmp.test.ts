import * as tf from "@tensorflow/tfjs-core";
import { test } from "vitest";
import { CudaTensorBackend } from "../../../daemon/backend/cuda/backend.ts";
import { tensorKernels } from "../../../daemon/backend/cuda/kernels/index.ts";
import { fusedKernels } from "../../../daemon/backend/cuda/fused/index.ts";
import { createLayerProblem } from "../../../daemon/method/layerProblem.ts";
import { adamStep, startAdam } from "../../../daemon/method/adam.ts";
import { buildMetric } from "../../../daemon/method/metric.ts";
import { pruneSparseGpt } from "../../../daemon/method/sparsegpt.ts";
import { dampedFactor } from "../../../daemon/method/linalg/index.ts";
import { foldRotation } from "../../../daemon/method/rotation.ts";
test("count", async () => {
  let live = 0, peak = 0, next = 1 << 20, launches = 0, gemms = 0;
  const sizes = new Map<number, number>();
  const device: any = {
    gpu: { multiprocessors: 132, name: "f", capability: [9, 0], totalBytes: 8e10 }, precision: "tf32", pool: {},
    allocate(b: number) { const address = next; next += 256 * Math.ceil(b / 256); live += b; peak = Math.max(peak, live); sizes.set(address, b); return { address, bytes: b }; },
    free(m: any) { live -= m.bytes; if (!sizes.delete(m.address)) throw new Error("double free"); },
    launch() { launches++; }, gemm() { gemms++; }, fill() {}, copy() {},
    upload(b: any) { return device.allocate(b.length ?? b.byteLength); },
    async download(_a: number, _n: any) { },
    downloadNow() {}, exactly: (f: any) => f(), dispose() {},
  };
  const backend = new CudaTensorBackend(device);
  tf.registerBackend("cuda", () => backend);
  await tf.setBackend("cuda");
  [...tensorKernels(backend), ...fusedKernels(backend)].forEach((k) => tf.registerKernel(k));
  for (const [d, ffn, heads, kvHeads, headDim] of [[4096, 14336, 32, 8, 128], [8192, 28672, 64, 8, 128]] as any) {
    const shape = { d, ffn, heads, kvHeads, headDim } as any;
    const n = (r: number, c: number) => tf.fill([r, c], 1) as tf.Tensor2D;
    const m: any = { q: n(heads*headDim, d), k: n(kvHeads*headDim, d), v: n(kvHeads*headDim, d), o: n(d, heads*headDim), gate: n(ffn, d), up: n(ffn, d), down: n(d, ffn) };
    const G = (x: number) => (x / 2 ** 30).toFixed(2);
    console.log(d, "weights", G(live));
    const h = (k: number) => n(k, k);
    const hs = { qkv: h(d), o: h(heads*headDim), mlp: h(d), down: h(ffn) } as any;
    console.log("with Hessians", G(live)); peak = live;
    // all zero downloads: not failing
    const reads = backend.read.bind(backend);
    (backend as any).read = async (id: any) => { const v: any = await reads(id); if (v.length > 1) v.fill(1); return v; };
    const { metric } = await buildMetric("sparsegpt", hs, shape, 0.01);
    console.log("metric peak", G(peak), "after", G(live)); peak = live;
    const problem = createLayerProblem(m, metric, shape, { kind: "nm", keep: 2, of: 4 });
    const rotation: any = { r1: n(d, d), r2: tf.fill([kvHeads, headDim, headDim], 1) };
    const s = startAdam(1, d);
    for (const crit of [{ objective: "pruned-mass", temperature: 1 }, { objective: "entropy" }] as any[]) {
      peak = live; launches = gemms = 0;
      const e = await problem.evaluate(rotation, crit);
      const p1 = peak;
      peak = live;
      const mv = tf.tidy(() => adamStep(tf.reshape(rotation.r1, [1, d, d]), tf.reshape(e.gradR1, [1, d, d]), s, 0.01));
      console.log(crit.objective, "evaluate peak", G(p1), "advance peak", G(peak), "launches", launches, "gemms", gemms);
      tf.dispose([e as any, mv as any]);
    }
    peak = live; const f = tf.tidy(() => foldRotation(m, rotation, shape)); console.log("fold peak", G(peak)); 
    tf.dispose(f as any);
    tf.dispose([s.first, s.second, s.power]);
    if (metric.method === "sparsegpt") tf.dispose([metric.qkv, metric.mlp, metric.o, metric.down]);
    const hd = h(ffn);
    peak = live;
    const damped = await dampedFactor(hd, 0.01, () => hd.dispose());
    console.log("down factor peak", G(peak)); peak = live;
    const w = pruneSparseGpt(m.down, damped, { pattern: { kind: "nm", keep: 2, of: 4 }, blockSize: 128 });
    console.log("down prune peak", G(peak));
    tf.disposeVariables(); tf.dispose([Object.values(m), w, damped.factor, rotation.r1, rotation.r2]);
    console.log("left", live);
  }
});
