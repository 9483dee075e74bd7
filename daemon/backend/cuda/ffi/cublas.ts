/** cuBLAS (`cublas_api.h`), column-major as it is; `products.ts` turns it round. */
import type { Handle } from "./driver.ts";
import type { Native, NativeFunction, NativeLibrary } from "./native.ts";
import { StatusError } from "./status.ts";

/** `cudaDataType` */
export const DATA_TYPE = { f32: 0, bf16: 14 } as const;
export type DataType = (typeof DATA_TYPE)[keyof typeof DATA_TYPE];

/** `cublasComputeType_t`: sums in float32; operands as they are, or rounded to TF32. */
export const COMPUTE = { f32: 68, f32Pedantic: 69, tf32: 77 } as const;
export type Compute = (typeof COMPUTE)[keyof typeof COMPUTE];

const DEFAULT_ALGORITHM = -1;

export interface Operand {
  readonly address: number;
  readonly type: DataType;
  readonly leading: number;
  /** Elements between matrices of a batch. */
  readonly stride: number;
  readonly transpose: boolean;
}

/** Column-major `C [m, n] ← alpha · op(A) op(B) + beta · C`, float32 result. */
export interface ColumnProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly c: Pick<Operand, "address" | "leading" | "stride">;
  readonly batch: number;
  readonly alpha: number;
  readonly beta: number;
  readonly compute: Compute;
}

export interface Cublas {
  readonly path: string;
  /** `12.9.1` */
  readonly version: string;
  create(): Handle;
  destroy(handle: Handle): void;
  setStream(handle: Handle, stream: Handle): void;
  /** After {@link setStream}, which takes it away. */
  setWorkspace(handle: Handle, address: number, bytes: number): void;
  multiply(handle: Handle, product: ColumnProduct): void;
}

const SIGNATURES = {
  cublasCreate_v2: ["void *"],
  cublasDestroy_v2: ["uint64_t"],
  cublasSetStream_v2: ["uint64_t", "uint64_t"],
  cublasSetWorkspace_v2: ["uint64_t", "uint64_t", "size_t"],
  cublasGetProperty: ["int", "void *"],
  cublasGemmEx: [
    ...(["uint64_t", "int", "int", "int", "int", "int", "uint64_t"] as const),
    ...(["uint64_t", "int", "int", "uint64_t", "int", "int", "uint64_t"] as const),
    ...(["uint64_t", "int", "int", "int", "int"] as const),
  ],
  cublasGemmStridedBatchedEx: [
    ...(["uint64_t", "int", "int", "int", "int", "int", "uint64_t"] as const),
    ...(["uint64_t", "int", "int", "int64_t", "uint64_t", "int", "int", "int64_t"] as const),
    ...(["uint64_t", "uint64_t", "int", "int", "int64_t", "int", "int", "int"] as const),
  ],
} as const;
type Call = keyof typeof SIGNATURES;

export function bindCublas(native: Native, library: NativeLibrary): Cublas {
  const names = Object.keys(SIGNATURES) as Call[];
  const c = Object.fromEntries(
    names.map((name) => [name, library.function(name, SIGNATURES[name])]),
  ) as Record<Call, NativeFunction>;
  const words = library.text("cublasGetStatusString");
  const check = (call: Call, status: number): void => {
    if (status !== 0) throw new StatusError(call, status, words(status), "");
  };
  // Read by the library during the call: factors lie in host memory.
  const factors = new Float32Array(2);
  const alphaAt = native.address(factors);
  const betaAt = alphaAt + Float32Array.BYTES_PER_ELEMENT;
  const word = new BigUint64Array(1);
  const int = new Int32Array(1);
  const version = [0, 1, 2].map((part) => {
    check("cublasGetProperty", c.cublasGetProperty(part, int));
    return int[0];
  });

  return {
    path: library.path,
    version: version.join("."),
    create() {
      check("cublasCreate_v2", c.cublasCreate_v2(word));
      return Number(word[0]);
    },
    destroy(handle) {
      check("cublasDestroy_v2", c.cublasDestroy_v2(handle));
    },
    setStream(handle, stream) {
      check("cublasSetStream_v2", c.cublasSetStream_v2(handle, stream));
    },
    setWorkspace(handle, address, bytes) {
      check("cublasSetWorkspace_v2", c.cublasSetWorkspace_v2(handle, address, bytes));
    },
    multiply(handle, { m, n, k, a, b, c: out, batch, alpha, beta, compute }) {
      factors[0] = alpha;
      factors[1] = beta;
      const [ta, tb] = [Number(a.transpose), Number(b.transpose)];
      const { f32 } = DATA_TYPE;
      if (batch === 1) {
        check(
          "cublasGemmEx",
          // prettier-ignore
          c.cublasGemmEx(
            handle, ta, tb, m, n, k, alphaAt,
            a.address, a.type, a.leading, b.address, b.type, b.leading, betaAt,
            out.address, f32, out.leading, compute, DEFAULT_ALGORITHM,
          ),
        );
        return;
      }
      check(
        "cublasGemmStridedBatchedEx",
        // prettier-ignore
        c.cublasGemmStridedBatchedEx(
          handle, ta, tb, m, n, k, alphaAt,
          a.address, a.type, a.leading, a.stride, b.address, b.type, b.leading, b.stride, betaAt,
          out.address, f32, out.leading, out.stride, batch, compute, DEFAULT_ALGORITHM,
        ),
      );
    },
  };
}
