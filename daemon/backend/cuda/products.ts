/**
 * Matrix products of row-major matrices. cuBLAS is column-major, where the same memory is the
 * transposed matrix: `C = A B` becomes `Cᵀ = Bᵀ Aᵀ`, so the operands change places and nothing is moved.
 */
import {
  COMPUTE,
  DATA_TYPE,
  type ColumnProduct,
  type Compute,
  type DataType,
} from "./ffi/index.ts";
import type { Gemm, Precision, Storage } from "./runtime.ts";

/** bf16 operands are what they are: their products are summed in float32. */
const COMPUTES: Readonly<Record<Precision, Compute>> = {
  tf32: COMPUTE.tf32,
  bf16: COMPUTE.f32,
  f32: COMPUTE.f32Pedantic,
};

const TYPES: Readonly<Record<Storage, DataType>> = { f32: DATA_TYPE.f32, bf16: DATA_TYPE.bf16 };

/** `stored` must be the same for both operands: cuBLAS has no mixed products. */
export function columnProduct(g: Gemm, precision: Precision, stored: Storage): ColumnProduct {
  const { m, n, k, batch = 1 } = g;
  const type = TYPES[stored];
  const leading = leadingOf(g);
  return {
    m: n,
    n: m,
    k,
    a: {
      address: g.b,
      type,
      leading: leading.b,
      stride: g.strideB ?? k * n,
      transpose: g.transposeB,
    },
    b: {
      address: g.a,
      type,
      leading: leading.a,
      stride: g.strideA ?? m * k,
      transpose: g.transposeA,
    },
    c: { address: g.c, leading: leading.c, stride: g.strideC ?? m * n },
    batch,
    alpha: g.alpha ?? 1,
    beta: g.beta ?? 0,
    compute: COMPUTES[precision],
  };
}

function leadingOf(g: Gemm): { readonly a: number; readonly b: number; readonly c: number } {
  return {
    a: Math.max(1, g.lda ?? (g.transposeA ? g.m : g.k)),
    b: Math.max(1, g.ldb ?? (g.transposeB ? g.k : g.n)),
    c: Math.max(1, g.ldc ?? g.n),
  };
}

/** Elements from the first to the last of an operand, all matrices of the batch and the gaps between them. */
export function spanOf(g: Gemm, operand: "a" | "b"): number {
  const { m, n, k, batch = 1 } = g;
  const leading = leadingOf(g)[operand];
  const [rows, cols] = operand === "a" ? shape(m, k, g.transposeA) : shape(k, n, g.transposeB);
  const stride = (operand === "a" ? g.strideA : g.strideB) ?? rows * cols;
  return (batch - 1) * stride + (rows - 1) * leading + cols;
}

const shape = (rows: number, cols: number, transposed: boolean): [number, number] =>
  transposed ? [cols, rows] : [rows, cols];
