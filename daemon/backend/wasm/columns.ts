/**
 * Blocks of columns replaced within a matrix (fused/columnBlocks.ts), on the WASM heap: BLAS takes the columns behind
 * the block, and the rows of U, as they lie, so that nothing is cut out and nothing put together again.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS } from "../fused/dispatch.ts";
import type { Sgemm } from "./blas.ts";
import { addressOf, floatsAt, owned, type WasmBackend } from "./heap.ts";

export function replaceColumnsKernel(backend: WasmBackend, sgemm: Sgemm): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS.replaceColumns,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { w, weights, minusErrors, u } = inputs as {
        w: tf.TensorInfo;
        weights: tf.TensorInfo;
        minusErrors: tf.TensorInfo;
        u: tf.TensorInfo;
      };
      const { start } = attrs as unknown as { start: number };
      const [rows, columns] = w.shape as [number, number];
      const [, size] = weights.shape as [number, number];
      const out = owned(backend, w);
      const target = addressOf(backend, out);
      const source = addressOf(backend, weights);
      for (let row = 0; row < rows; row++) {
        const from = source + 4 * row * size;
        const to = target + 4 * (row * columns + start);
        backend.wasm.HEAPU8.copyWithin(to, from, from + 4 * size);
      }
      const next = start + size;
      const after = columns - next;
      if (after === 0) return out;
      /** A matrix of so many rows within a wider one, from its first number to its last. */
      const within = (tensor: tf.TensorInfo, row: number, height: number): Float32Array =>
        floatsAt(
          backend,
          addressOf(backend, tensor) + 4 * (row * columns + next),
          (height - 1) * columns + after,
        );
      sgemm({
        m: rows,
        n: after,
        k: size,
        transposeA: false,
        transposeB: false,
        a: floatsAt(backend, addressOf(backend, minusErrors), rows * size),
        lda: size,
        b: within(u, start, size),
        ldb: columns,
        beta: 1,
        c: within(out, 0, rows),
        ldc: columns,
      });
      return out;
    },
  };
}
