/**
 * The factor of an inverse on the device (see ../../fused/inverseFactor.ts): `A = V Vᵀ`, V upper, `U = V⁻¹`, by
 * halves, so that nearly all of it is float32 products of large matrices.
 *
 *     A22 = V22 V22ᵀ → U22        V12 = A12 U22ᵀ        A11 − V12 V12ᵀ = V11 V11ᵀ → U11        U12 = −U11 V12 U22
 *
 * Memory: U and one copy of A. V12 waits where U12 will stand, and V12 U22 where A12 stood.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { i32, pointer, type CudaBackend, type CudaRuntime, type Gemm } from "../runtime.ts";
import { sizes, withScratch } from "./kernel.ts";
import { factorProgram } from "./programs.ts";

/** Columns that one block factorises; LEAF in factor.cu. */
const LEAF = 64;

/** `[U, failed]`: failed is not 0 where a + diag(shift) is not positive definite. */
export function inverseFactor(
  backend: CudaBackend,
  a: tf.TensorInfo,
  shift: tf.TensorInfo,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [n] = sizes(a);
  const factor = backend.output(a.shape, "float32");
  const failed = backend.output([], "int32");
  const u = backend.address(factor);
  runtime.fill(u, 0, 4 * n * n);
  runtime.fill(backend.address(failed), 0, 4);
  withScratch(runtime, n * n, (work) => {
    runtime.launch({
      program: factorProgram,
      entry: "copyShifted",
      grid: [Math.ceil(n / 256), n],
      block: [256],
      args: [pointer(backend.address(a)), pointer(backend.address(shift)), i32(n), pointer(work)],
    });
    factorise({ runtime, work, u, n, failed: backend.address(failed) }, 0, n);
  });
  return [factor, failed];
}

interface Factorisation {
  readonly runtime: CudaRuntime;
  /** Addresses of A's copy and of U, both `[n, n]`. */
  readonly work: number;
  readonly u: number;
  readonly n: number;
  readonly failed: number;
}

function factorise(of: Factorisation, start: number, size: number): void {
  const { runtime, work, u, n } = of;
  if (size <= LEAF) {
    leaf(of, start, size);
    return;
  }
  const left = LEAF * Math.floor(Math.ceil(size / LEAF) / 2);
  const right = size - left;
  const middle = start + left;
  const at = (matrix: number, i: number, j: number): number => matrix + 4 * (i * n + j);
  const product = (gemm: Omit<Gemm, "transposeA" | "transposeB"> & { transposeB?: boolean }) => {
    const whole = { lda: n, ldb: n, ldc: n, transposeA: false, transposeB: false, ...gemm };
    runtime.gemm({ ...whole, precision: "f32" });
  };
  const [a12, u12] = [at(work, start, middle), at(u, start, middle)];
  const u22 = at(u, middle, middle);
  const wide = { m: left, n: right };

  factorise(of, middle, right);
  product({ ...wide, k: right, a: a12, b: u22, transposeB: true, c: u12 });
  const a11 = at(work, start, start);
  product({
    m: left,
    n: left,
    k: right,
    a: u12,
    b: u12,
    transposeB: true,
    c: a11,
    alpha: -1,
    beta: 1,
  });
  factorise(of, start, left);
  product({ ...wide, k: right, a: u12, b: u22, c: a12 });
  product({ ...wide, k: left, a: at(u, start, start), b: a12, c: u12, alpha: -1 });
}

function leaf({ runtime, work, u, n, failed }: Factorisation, start: number, size: number): void {
  const corner = 4 * start * (n + 1);
  runtime.launch({
    program: factorProgram,
    entry: "factorLeaf",
    grid: [1],
    block: [LEAF],
    sharedBytes: 8 * LEAF * (LEAF + 1),
    args: [pointer(work + corner), i32(n), i32(size), pointer(u + corner), i32(n), pointer(failed)],
  });
}
