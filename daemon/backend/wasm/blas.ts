/**
 * `cblas_sgemm` of a system library through koffi. Both are optional: without either the wasm backend computes by
 * itself, and the reason is told.
 *
 * `DENOISE_ROTATOR_BLAS` names the library to take, or `off`.
 */
import type * as Koffi from "koffi";
import type { Absence } from "../provider.ts";
import { installCommand, OPENBLAS } from "../remedy.ts";
import { blasCandidates } from "./blasLibraries.ts";
import { findInverseFactor, type InverseFactorInPlace } from "./lapack.ts";

/** C ← op(A) op(B) + β C, row-major: op(A) [m, k], op(B) [k, n], C [m, n]. */
export interface GemmCall {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly a: Float32Array;
  readonly lda: number;
  readonly b: Float32Array;
  readonly ldb: number;
  readonly beta: number;
  readonly c: Float32Array;
  readonly ldc: number;
}
export type Sgemm = (call: GemmCall) => void;

export interface Blas {
  readonly sgemm: Sgemm;
  /** Undefined where the library has no LAPACK. */
  readonly inverseFactor: InverseFactorInPlace | undefined;
  /** `OpenBLAS 0.3.21 (/usr/lib/…/libopenblas.so.0), 2 threads` */
  readonly description: string;
}
export type BlasSearch = { readonly blas: Blas } | ({ readonly blas: undefined } & Absence);

/**
 * Symbols are renamed by some builds so that two libraries fit into one process: SciPy's prefix, and a suffix
 * where integers have 64 bits.
 */
const VARIANTS = [
  { prefix: "", suffix: "", integer: "int" },
  { prefix: "", suffix: "64_", integer: "int64_t" },
  { prefix: "scipy_", suffix: "", integer: "int" },
  { prefix: "scipy_", suffix: "64_", integer: "int64_t" },
] as const;
type Variant = (typeof VARIANTS)[number];

const ROW_MAJOR = 101;
const NO_TRANSPOSE = 111;
const TRANSPOSE = 112;

/** Libraries stay loaded for the life of the process; koffi declares each function once. */
const loaded = new Map<string, Blas | string>();

export async function findBlas(env: NodeJS.ProcessEnv = process.env): Promise<BlasSearch> {
  const wish = env.DENOISE_ROTATOR_BLAS;
  if (wish === "off")
    return { blas: undefined, why: "BLAS is switched off by DENOISE_ROTATOR_BLAS" };
  let koffi: typeof Koffi;
  try {
    koffi = await import("koffi");
  } catch (error) {
    const why = `koffi cannot be loaded (${firstLine(error)})`;
    return { blas: undefined, why, remedy: "npm install koffi" };
  }
  const failures: string[] = [];
  for (const path of wish === undefined ? blasCandidates() : [wish]) {
    const library = loaded.get(path) ?? load(koffi, path);
    loaded.set(path, library);
    if (typeof library !== "string") return { blas: library };
    failures.push(library);
  }
  if (wish !== undefined) return { blas: undefined, why: failures.join("; ") };
  const remedy = installCommand(OPENBLAS) ?? "pip install scipy-openblas32";
  return { blas: undefined, why: "no BLAS library was found", remedy };
}

/** @returns the library, or why it does not serve */
function load(koffi: typeof Koffi, path: string): Blas | string {
  try {
    const library = koffi.load(path);
    for (const variant of VARIANTS) {
      const sgemm = declare(koffi, library, variant);
      if (sgemm === undefined) continue;
      if (!multiplies(sgemm)) return `${path} gives wrong products`;
      return {
        sgemm,
        inverseFactor: findInverseFactor(library, variant),
        description: describe(library, variant, path),
      };
    }
    return `${path} has no cblas_sgemm`;
  } catch (error) {
    return `${path}: ${firstLine(error)}`;
  }
}

function declare(
  koffi: typeof Koffi,
  library: Koffi.LibraryHandle,
  { prefix, suffix, integer }: Variant,
): Sgemm | undefined {
  const enumeration = ["int", "int", "int"] as const;
  const a = ["void *", integer] as const;
  const types = [...enumeration, integer, integer, integer, "float", ...a, ...a, "float", ...a];
  const call = optional(() =>
    library.func(`${prefix}cblas_sgemm${suffix}`, koffi.types.void, types),
  );
  if (call === undefined) return undefined;
  return (g) => {
    const ta = g.transposeA ? TRANSPOSE : NO_TRANSPOSE;
    const tb = g.transposeB ? TRANSPOSE : NO_TRANSPOSE;
    call(ROW_MAJOR, ta, tb, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
  };
}

/** [1 2; 3 4]ᵀ [5 6; 7 8] + [1 1; 1 1]: a library with another integer size or order fails it. */
function multiplies(sgemm: Sgemm): boolean {
  const a = Float32Array.of(1, 2, 3, 4);
  const b = Float32Array.of(5, 6, 7, 8);
  const c = Float32Array.of(1, 1, 1, 1);
  const two = { m: 2, n: 2, k: 2, lda: 2, ldb: 2, ldc: 2 };
  sgemm({ ...two, transposeA: true, transposeB: false, a, b, c, beta: 1 });
  return [27, 31, 39, 45].every((value, i) => c[i] === value);
}

function describe(library: Koffi.LibraryHandle, { prefix, suffix }: Variant, path: string): string {
  const text = (name: string): string | undefined =>
    optional(() => library.func(name, "str", [])() as string);
  const number = (name: string): number | undefined =>
    optional(() => library.func(name, "int", [])() as number);
  const openblas = text(`${prefix}openblas_get_config${suffix}`);
  const threads =
    number(`${prefix}openblas_get_num_threads${suffix}`) ??
    number("MKL_Get_Max_Threads") ??
    number("bli_thread_get_num_threads");
  const name = openblas === undefined ? nameOf(path) : openblas.split(" ").slice(0, 2).join(" ");
  const count = threads === undefined ? "" : `, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return `${name} (${path})${count}`;
}

function nameOf(path: string): string {
  if (path.includes("Accelerate")) return "Accelerate";
  if (path.includes("mkl")) return "MKL";
  return path.includes("blis") ? "BLIS" : "BLAS";
}

function optional<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\n.*/s, "");
}
