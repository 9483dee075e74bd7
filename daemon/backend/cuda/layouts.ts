/**
 * Of the four layouts of a TF32 product, Hopper's `Aᵀ B` is the slow one (test/bench/cuda: 234 of 400 TFLOP/s): its
 * tensor cores read both operands along k, and here neither lies so. Turning A first reads and writes it once, a small
 * part of what a large product wins.
 */
import { transposeMatrices, withScratch } from "./kernels/index.ts";
import type { CudaRuntime, Gemm } from "./runtime.ts";

const HOPPER = 9;
/** In every direction: below it turning costs as much as it wins. */
const LARGE = 1024;

/** Runs `multiply` on the product, or on the same one with A turned where that is faster. */
export function inFastLayout(
  runtime: Pick<CudaRuntime, "gpu" | "allocate" | "free" | "launch">,
  product: Gemm,
  multiply: (product: Gemm) => void,
): void {
  if (runtime.gpu.capability[0] !== HOPPER || !worthTurning(product)) {
    multiply(product);
    return;
  }
  const { a, m, k } = product;
  withScratch(runtime, 4 * m * k, (turned) => {
    transposeMatrices(runtime, a, turned, { rows: k, cols: m });
    multiply({ ...product, a: turned, lda: k, transposeA: false });
  });
}

function worthTurning({ m, n, k, transposeA, transposeB, lda = m, batch = 1 }: Gemm): boolean {
  const dense = batch === 1 && lda === m;
  return transposeA && !transposeB && dense && Math.min(m, n, k) >= LARGE;
}
