/**
 * The factor of an inverse on the device (see ../../fused/inverseFactor.ts): `A = V Vᵀ`, V upper, `U = V⁻¹`, by
 * halves, so that nearly all of it is float32 products of large matrices.
 *
 *     A22 = V22 V22ᵀ → U22        V12 = A12 U22ᵀ        A11 − V12 V12ᵀ = V11 V11ᵀ → U11        U12 = −U11 V12 U22
 *
 * Memory: U, and A itself where it is handed over, else a copy. V12 waits where U12 will stand, and V12 U22 where A12
 * stood. Below the diagonal A stays what it was but for a band, which is kept aside: where there is no factor, A is
 * made whole again from there.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { CUDA_LIMITS } from "../../limits.ts";
import {
  i32,
  pointer,
  type Argument,
  type CudaBackend,
  type CudaRuntime,
  type Gemm,
} from "../runtime.ts";
import { sizes, withScratch } from "./kernel.ts";
import { factorProgram } from "./programs.ts";

/** Columns that one block factorises; LEAF in factor.cu. */
const LEAF = 64;
const BAND = CUDA_LIMITS.factorBand;

/**
 * `[U, failed]`: failed is not 0 where a + diag(shift) is not positive definite.
 *
 * @param inPlace a's memory may be used up; where there is no factor it holds a again
 */
export function inverseFactor(
  backend: CudaBackend,
  a: tf.TensorInfo,
  shift: tf.TensorInfo,
  inPlace: boolean,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [n] = sizes(a);
  const factor = backend.output(a.shape, "float32");
  const failed = backend.output([], "int32");
  const u = backend.address(factor);
  const flag = backend.address(failed);
  runtime.fill(u, 0, 4 * n * n);
  runtime.fill(flag, 0, 4);
  const run = (entry: string, across: number, ...args: readonly Argument[]): void => {
    runtime.launch({
      program: factorProgram,
      entry,
      grid: [Math.ceil(across / 256), n],
      block: [256],
      args,
    });
  };
  const by = pointer(backend.address(shift));
  if (inPlace) {
    const work = backend.ownAddress(a);
    withScratch(runtime, n * BAND, (band) => {
      run("keepBand", BAND, pointer(work), by, pointer(band), i32(n), i32(BAND));
      factorise({ runtime, work, u, n, failed: flag }, 0, n);
      run("restore", n, pointer(work), pointer(flag), pointer(band), i32(n), i32(BAND));
    });
  } else {
    withScratch(runtime, n * n, (work) => {
      run("copyShifted", n, pointer(backend.address(a)), by, pointer(work), i32(n));
      factorise({ runtime, work, u, n, failed: flag }, 0, n);
    });
  }
  return [factor, failed];
}

interface Factorisation {
  readonly runtime: CudaRuntime;
  /** Addresses of A or its copy, which is used up, and of U, both `[n, n]`. */
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
  subtractSquare(start, left);
  factorise(of, start, left);
  product({ ...wide, k: right, a: u12, b: u22, c: a12 });
  product({ ...wide, k: left, a: at(u, start, start), b: a12, c: u12, alpha: -1 });

  /** A11 − V12 V12ᵀ for rows and columns `first … first + count − 1`, above the diagonal blocks and in them. */
  function subtractSquare(first: number, count: number): void {
    if (count <= BAND) {
      subtract(first, count, first, count);
      return;
    }
    const half = Math.ceil(count / 2);
    subtractSquare(first, half);
    subtract(first, half, first + half, count - half);
    subtractSquare(first + half, count - half);
  }

  function subtract(row: number, rows: number, column: number, columns: number): void {
    const [a, b] = [at(u, row, middle), at(u, column, middle)];
    const c = at(work, row, column);
    product({ m: rows, n: columns, k: right, a, b, transposeB: true, c, alpha: -1, beta: 1 });
  }
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
