/**
 * Of the four layouts of a TF32 product, Hopper's `Aᵀ B` is the slow one (test/bench/cuda: 234 of 400 TFLOP/s): its
 * tensor cores read both operands along k, and here neither lies so. Turning A first reads and writes it once, a small
 * part of what a large product wins.
 */
import { withScratch } from "./kernels/kernel.ts";
import { movementProgram } from "./kernels/programs.ts";
import { i32, pointer, type CudaRuntime, type Gemm } from "./runtime.ts";

const HOPPER = 9;
/** In every direction: below it turning costs as much as it wins. */
const LARGE = 1024;

/** Runs `multiply` on the product, or on the same one with A turned where that is faster. */
export function inFastLayout(
  runtime: CudaRuntime,
  product: Gemm,
  multiply: (product: Gemm) => void,
): void {
  if (runtime.gpu.capability[0] !== HOPPER || !worthTurning(product)) {
    multiply(product);
    return;
  }
  const { a, m, k } = product;
  const [across, down] = [Math.ceil(m / 32), Math.ceil(k / 32)];
  withScratch(runtime, 4 * m * k, (turned) => {
    runtime.launch({
      program: movementProgram,
      entry: "transpose_4",
      grid: [across * down],
      block: [32, 8],
      args: [pointer(a), pointer(turned), i32(k), i32(m), i32(across), i32(down)],
    });
    multiply({ ...product, a: turned, lda: k, transposeA: false });
  });
}

function worthTurning({ m, n, k, transposeA, transposeB, lda = m, batch = 1 }: Gemm): boolean {
  const dense = batch === 1 && lda === m;
  return transposeA && !transposeB && dense && Math.min(m, n, k) >= LARGE;
}
