/** The fused kernels of the `cuda` backend: what dominates rotating, pruning and calibrating, in CUDA C. */
import type * as tf from "@tensorflow/tfjs-core";
import { selectionOf } from "../../fused/dispatch.ts";
import type { HalfFormat } from "../../fused/half.ts";
import type { AdamRates } from "../../fused/orthogonal.ts";
import type { RegroupSearch } from "../../fused/regroup.ts";
import type { CudaBackend } from "../runtime.ts";
import { causalAttention, likelihood, rmsNorm, rope, swiglu } from "./decoder.ts";
import { inverseFactor } from "./factor.ts";
import { decodedHalf, roundedHalf } from "./half.ts";
import { input, kernel } from "./kernel.ts";
import { entropyColumns, entropyRows, prunedMass } from "./objectives.ts";
import { adamDirection, move, orthonormalised } from "./optimizer.ts";
import { addProduct, bringOperand, product, searchPrecision } from "./products.ts";
import { addScaledColumns, columnDots } from "./quadratic.ts";
import { regroupedColumns } from "./regroup.ts";
import { lowestMask } from "./select.ts";
import { sparsegptBlock } from "./sparsegpt.ts";

export { PROGRAMS as fusedPrograms } from "./programs.ts";

interface Transposed {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export function fusedKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel("entropy", (inputs, attributes) => {
      const { axis } = attributes as { axis: 0 | 1 };
      const objective = axis === 1 ? entropyRows : entropyColumns;
      return objective(backend, input(inputs, "w"), input(inputs, "c"));
    }),
    kernel("prunedMass", (inputs, attributes) => {
      const { temperature } = attributes as { temperature: number };
      const [w, c] = [input(inputs, "w"), input(inputs, "c")];
      return prunedMass(backend, w, c, selectionOf(attributes), temperature);
    }),
    kernel("selectLowest", (inputs, attributes) => [
      lowestMask(backend, input(inputs, "scores"), selectionOf(attributes)),
    ]),
    kernel("sparsegptBlock", (inputs, attributes) => {
      const { mask } = inputs;
      const select = mask === undefined ? selectionOf(attributes) : undefined;
      return sparsegptBlock(backend, input(inputs, "w"), input(inputs, "u"), mask, select);
    }),
    kernel("inverseFactor", (inputs, attributes) => {
      const { inPlace } = attributes as { inPlace: boolean };
      return inverseFactor(backend, input(inputs, "a"), input(inputs, "shift"), inPlace);
    }),
    kernel("addProduct", (inputs, attributes) => {
      const { transposeA, transposeB, search } = attributes as unknown as Transposed & {
        readonly search: boolean;
      };
      const [sum, a, b] = [input(inputs, "sum"), input(inputs, "a"), input(inputs, "b")];
      const precision = search ? searchPrecision(backend, a, b) : "f32";
      return [addProduct(backend, sum, { a, b, transposeA, transposeB, precision })];
    }),
    kernel("scaledGram", (inputs, attributes) => {
      const { factor } = attributes as { factor: number };
      const [sum, x] = [input(inputs, "sum"), input(inputs, "x")];
      // In TF32 it is the exact Gram matrix of inputs rounded to 10 bits: still positive semidefinite, and finer than
      // the bfloat16 activations that others calibrate with.
      const precision = backend.runtime.precision === "f32" ? "f32" : "tf32";
      const factors = { a: x, b: x, transposeA: true, transposeB: false } as const;
      return [addProduct(backend, sum, { ...factors, precision, alpha: factor })];
    }),
    kernel("exactProduct", (inputs, attributes) => {
      const { transposeA, transposeB } = attributes as unknown as Transposed;
      const [a, b] = [input(inputs, "a"), input(inputs, "b")];
      return [product(backend, { a, b, transposeA, transposeB, precision: "f32" })];
    }),
    kernel("searchProduct", (inputs, attributes) => {
      const { transposeA, transposeB } = attributes as unknown as Transposed;
      const [a, b] = [input(inputs, "a"), input(inputs, "b")];
      const precision = searchPrecision(backend, a, b);
      return [product(backend, { a, b, transposeA, transposeB, precision })];
    }),
    kernel("searchOperand", (inputs) => {
      bringOperand(backend, input(inputs, "x"));
      return [];
    }),
    kernel("columnDots", (inputs) => [columnDots(backend, input(inputs, "a"), input(inputs, "b"))]),
    kernel("addScaledColumns", (inputs) => [
      addScaledColumns(backend, input(inputs, "sum"), input(inputs, "m"), input(inputs, "g")),
    ]),
    kernel("adamDirection", (inputs, attributes) => {
      const [product, first] = [input(inputs, "product"), input(inputs, "first")];
      const rates = attributes as unknown as AdamRates;
      return adamDirection(backend, product, first, input(inputs, "second"), rates);
    }),
    kernel("move", (inputs) =>
      move(backend, input(inputs, "r"), input(inputs, "a"), input(inputs, "power")),
    ),
    kernel("orthonormalise", (inputs) => [orthonormalised(backend, input(inputs, "x"))]),
    kernel("rmsNorm", (inputs, attributes) => {
      const { eps } = attributes as { eps: number };
      return [rmsNorm(backend, input(inputs, "x"), input(inputs, "gain"), eps)];
    }),
    kernel("rope", (inputs) => [
      rope(backend, input(inputs, "x"), input(inputs, "cos"), input(inputs, "sin")),
    ]),
    kernel("swiglu", (inputs) => [swiglu(backend, input(inputs, "gate"), input(inputs, "up"))]),
    kernel("causalAttention", (inputs, attributes) => {
      const { window } = attributes as { window: number };
      const [q, k, v] = [input(inputs, "q"), input(inputs, "k"), input(inputs, "v")];
      return [causalAttention(backend, q, k, v, window)];
    }),
    kernel("likelihood", (inputs) =>
      likelihood(backend, input(inputs, "logits"), input(inputs, "targets")),
    ),
    kernel("decodeHalf", (inputs, attributes) => {
      const { format, shape } = attributes as { format: HalfFormat; shape: number[] };
      return [decodedHalf(backend, input(inputs, "words"), format, shape)];
    }),
    kernel("roundHalf", (inputs, attributes) => {
      const { format } = attributes as { format: HalfFormat };
      return roundedHalf(backend, input(inputs, "x"), format);
    }),
    kernel("regroup", (inputs, attributes) => {
      const search = attributes as unknown as RegroupSearch;
      return [regroupedColumns(backend, input(inputs, "shares"), input(inputs, "pairs"), search)];
    }),
  ];
}
