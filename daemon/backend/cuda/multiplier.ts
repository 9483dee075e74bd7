/** Matrix products on one GPU: the precision that counts, operands rounded for it, the layout that is fast, cuBLAS. */
import { CUDA_LIMITS } from "../limits.ts";
import { besidePool } from "./besidePool.ts";
import convert from "./convert.cu";
import type { Failure } from "./failure.ts";
import type { Cublas, Handle } from "./ffi/index.ts";
import { inFastLayout } from "./layouts.ts";
import type { DevicePool } from "./pool.ts";
import { columnProduct, spanOf } from "./products.ts";
import {
  i64,
  pointer,
  type CudaRuntime,
  type DeviceMemory,
  type Gemm,
  type Precision,
  type Storage,
} from "./runtime.ts";

const CONVERT = { name: "convert.cu", source: convert };
const CONVERT_THREADS = 256;
const CONVERT_BLOCKS_PER_MULTIPROCESSOR = 16;

export interface MultiplierParts {
  readonly cublas: Cublas;
  readonly stream: Handle;
  readonly failure: Failure;
  /** Makes the GPU's context the current one: cuBLAS computes on that. */
  readonly enter: () => void;
  readonly pool: Pick<DevicePool, "allocate" | "trim" | "kept">;
  /** Called after each product. */
  readonly queued: () => void;
  readonly runtime: Pick<CudaRuntime, "gpu" | "precision" | "allocate" | "free" | "launch">;
}

export class Multiplier {
  private inFull = false;
  private readonly blas: Handle;

  /** Its workspace stays allocated as long as the device. */
  constructor(private readonly of: MultiplierParts) {
    const { cublas, stream, pool } = of;
    // First: where there is no room for it, no handle is left behind.
    const workspace = pool.allocate(CUDA_LIMITS.workspaceBytes);
    this.blas = cublas.create();
    cublas.setStream(this.blas, stream);
    cublas.setWorkspace(this.blas, workspace.address, workspace.bytes);
  }

  get exact(): boolean {
    return this.inFull;
  }

  gemm(product: Gemm): void {
    const { runtime } = this.of;
    const { storedA = "f32", storedB = "f32" } = product;
    const precision = this.inFull ? "f32" : (product.precision ?? runtime.precision);
    if (precision !== "bf16" && storedA === "f32" && storedB === "f32") {
      const multiply = (of: Gemm): void => {
        this.multiply(of, precision, "f32");
      };
      if (precision === "tf32") inFastLayout(runtime, product, multiply);
      else multiply(product);
      return;
    }
    const made: DeviceMemory[] = [];
    const rounded = (operand: "a" | "b"): number => {
      const copy = this.toBf16(product[operand], spanOf(product, operand));
      made.push(copy);
      return copy.address;
    };
    try {
      const a = storedA === "f32" ? rounded("a") : product.a;
      const b = storedB === "f32" ? rounded("b") : product.b;
      this.multiply({ ...product, a, b }, "bf16", "bf16");
    } finally {
      for (const copy of made) runtime.free(copy);
    }
  }

  /** Products of float32 operands that `queue` queues are computed in full float32, whatever they ask for. */
  exactly<T>(queue: () => T): T {
    const before = this.inFull;
    this.inFull = true;
    try {
      return queue();
    } finally {
      this.inFull = before;
    }
  }

  toBf16(source: number, elements: number): DeviceMemory {
    const { runtime } = this.of;
    const target = runtime.allocate(2 * elements);
    const most = runtime.gpu.multiprocessors * CONVERT_BLOCKS_PER_MULTIPROCESSOR;
    const blocks = Math.ceil(elements / (2 * CONVERT_THREADS));
    try {
      runtime.launch({
        program: CONVERT,
        entry: "f32_to_bf16",
        grid: [Math.min(blocks, most)],
        block: [CONVERT_THREADS],
        args: [pointer(source), pointer(target.address), i64(elements)],
      });
      return target;
    } catch (error) {
      runtime.free(target);
      throw error;
    }
  }

  dispose(): void {
    this.of.cublas.destroy(this.blas);
  }

  private multiply(product: Gemm, precision: Precision, stored: Storage): void {
    const { cublas, enter, failure, pool, queued } = this.of;
    failure.guarded(
      () => {
        besidePool(pool, () => {
          enter();
          cublas.multiply(this.blas, columnProduct(product, precision, stored));
        });
        queued();
      },
      () =>
        `product [${product.m}, ${product.k}] × [${product.k}, ${product.n}] × ${product.batch ?? 1}`,
    );
  }
}
