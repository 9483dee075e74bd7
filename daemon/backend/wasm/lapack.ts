/**
 * The factor of an inverse (mathematics in method/linalg/inverseFactor.ts) by the LAPACK that most BLAS libraries
 * bring: a Cholesky and a triangular inverse, in place on the WASM heap. Half the operations of the composed version,
 * and one piece of memory where that needs many of different sizes, which would leave the heap in fragments.
 */
import type * as Koffi from "koffi";

/**
 * Overwrites a symmetric matrix, shifted on its diagonal, with its factor.
 * @param a `[n, n]` row-major
 * @param shift `[n]`
 * @returns false where it is not positive definite; `a` is as it was then
 */
export type InverseFactorInPlace = (a: Float32Array, shift: ArrayLike<number>) => boolean;

/** How a library names its symbols. */
export interface SymbolVariant {
  readonly prefix: string;
  readonly suffix: string;
  readonly integer: "int" | "int64_t";
}

/** @returns undefined where the library has no LAPACK, or one that computes something else */
export function findInverseFactor(
  library: Koffi.LibraryHandle,
  { prefix, suffix, integer }: SymbolVariant,
): InverseFactorInPlace | undefined {
  const declare = (name: string, types: readonly string[]) => {
    try {
      return library.func(`${prefix}${name}_${suffix}`, "void", [...types]);
    } catch {
      return undefined;
    }
  };
  const pointer = "void *";
  const potrf = declare("spotrf", ["str", pointer, pointer, pointer, pointer]);
  const trtri = declare("strtri", ["str", "str", pointer, pointer, pointer, pointer]);
  if (potrf === undefined || trtri === undefined) return undefined;

  const whole = (value: number) =>
    integer === "int" ? Int32Array.of(value) : BigInt64Array.of(BigInt(value));
  const factor: InverseFactorInPlace = (a, shift) => {
    const n = shift.length;
    const diagonal = Float32Array.from(shift, (_, i) => a[i * (n + 1)] ?? NaN);
    for (let i = 0; i < n; i++) a[i * (n + 1)] = (diagonal[i] ?? NaN) + (shift[i] ?? NaN);
    const size = whole(n);
    const info = whole(0);
    const failed = () => Number(info[0]) !== 0;
    // A backwards is A with rows and columns in the opposite order, whose ordinary factor L is V backwards. LAPACK goes
    // by columns: to it our lower triangle is the upper one.
    a.reverse();
    potrf("U", size, a, size, info);
    // A factor with a positive diagonal always has an inverse.
    if (failed()) {
      restore(a, diagonal);
      return false;
    }
    trtri("U", "N", size, a, size, info);
    a.reverse();
    for (let i = 1; i < n; i++) a.fill(0, i * n, i * n + i);
    return true;
  };
  return works(factor) ? factor : undefined;
}

/** Only one triangle was written to: the other still has what was there. */
function restore(backwards: Float32Array, diagonal: Float32Array): void {
  const n = diagonal.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) backwards[i * n + j] = backwards[j * n + i] ?? NaN;
  }
  backwards.reverse();
  for (let i = 0; i < n; i++) backwards[i * (n + 1)] = diagonal[i] ?? NaN;
}

/** U of [5 2; 2 1] is [1 −2; 0 1]; [1 2; 2 1] has none. A library with another integer size fails one or the other. */
function works(factor: InverseFactorInPlace): boolean {
  const a = Float32Array.of(4, 2, 2, 1);
  const right = factor(a, [1, 0]) && [1, -2, 0, 1].every((value, i) => a[i] === value);
  return right && !factor(Float32Array.of(1, 2, 2, 1), [0, 0]);
}
