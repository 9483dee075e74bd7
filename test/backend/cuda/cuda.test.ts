/**
 * The laws of every device on the `cuda` backend: on the machine's GPU where there is one, else on the emulated one.
 * In float32, since the laws ask for float32's accuracy; what the faster products lose has bounds of its own.
 */
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../daemon/backend/index.ts";
import { backendLaws } from "../laws/index.ts";
import { normals, tensor2d, valuesOf } from "../laws/numbers.ts";
import * as reference from "../reference.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  backendLaws("cuda", () => openBackend("cuda", { precision: "f32" }), { half: true });

  // ‖out − exact‖ / ‖exact‖: float32 sums in another order; operands of 10 or 7 bits of mantissa.
  test.each([
    ["f32", 0, 1e-6],
    ["tf32", 1e-5, 1e-3],
    ["bf16", 1e-4, 1e-2],
  ] as const)(
    "products in %s err by more than %d and less than %d",
    async (precision, low, high) => {
      const backend = await openBackend("cuda", { precision });
      const [m, k, n] = [96, 200, 80];
      const [a, b] = [normals(m, k), normals(k, n)];
      const exact = reference.product(a, b);
      const norm = Math.hypot(...exact);
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const left = tensor2d(transposeA ? reference.transpose(a) : a);
          const right = tensor2d(transposeB ? reference.transpose(b) : b);
          const out = await valuesOf(tf.matMul(left, right, transposeA, transposeB));
          const error = Math.hypot(...out.map((x, i) => x - (exact[i] ?? NaN))) / norm;
          expect(error).toBeLessThan(high);
          expect(error).toBeGreaterThanOrEqual(low);
          tf.dispose([left, right]);
        }
      }
      await backend.dispose();
    },
  );

  afterAll(() => {
    if (!gpu.emulation) return;
    // No kernel wrote where it must not, and the devices that were opened gave everything back.
    expect(gpu.emulation.fault()).toBe("");
    expect(gpu.emulation.counters()).toMatchObject({
      ...{ allocations: 0, bytes: 0, pinned: 0, modules: 0, streams: 0, events: 0, pending: 0 },
    });
  });
});
