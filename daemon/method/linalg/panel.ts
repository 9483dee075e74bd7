/**
 * The reversed Cholesky factorisation of one small panel, on the host in float64.
 *
 * `A = V Vᵀ` with V *upper* triangular (the ordinary factorisation of the matrix read backwards), and its inverse
 * `U = V⁻¹`, also upper, for which `A⁻¹ = UᵀU`: the factor SparseGPT wants, without inverting A first.
 */
export interface PanelFactors {
  /** `[n, n]`, row-major */
  readonly v: Float64Array;
  /** `[n, n]`, row-major */
  readonly u: Float64Array;
}

/**
 * @param a `[n, n]` row-major, symmetric; only the upper triangle is read
 * @returns undefined when `a` is not positive definite to working precision (or not finite)
 */
export function factorPanel(a: ArrayLike<number>, n: number): PanelFactors | undefined {
  const v = new Float64Array(n * n);
  const at = (x: ArrayLike<number>, i: number, j: number): number => x[i * n + j] ?? NaN;
  for (let j = n - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let rest = at(a, i, j);
      for (let k = j + 1; k < n; k++) rest -= at(v, i, k) * at(v, j, k);
      if (i === j) {
        if (!(rest > 0) || rest === Infinity) return undefined;
        v[j * n + j] = Math.sqrt(rest);
      } else {
        v[i * n + j] = rest / at(v, j, j);
      }
    }
  }
  return { v, u: invertUpper(v, n) };
}

/** Row i of the inverse from the rows below it: `U_i = (e_i − Σ_{k>i} V_ik U_k) / V_ii`. */
function invertUpper(v: Float64Array, n: number): Float64Array {
  const u = new Float64Array(n * n);
  for (let i = n - 1; i >= 0; i--) {
    const row = u.subarray(i * n, (i + 1) * n);
    const pivot = v[i * n + i] ?? NaN;
    for (let k = i + 1; k < n; k++) {
      const factor = (v[i * n + k] ?? NaN) / pivot;
      const lower = u.subarray(k * n, (k + 1) * n);
      for (let j = k; j < n; j++) row[j] = (row[j] ?? NaN) - factor * (lower[j] ?? NaN);
    }
    row[i] = 1 / pivot;
  }
  return u;
}
