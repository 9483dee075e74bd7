/** Matrix products of batches that broadcast, with bias and activation. */
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../runtime.ts";
import { binary, binaryInPlace } from "./binary.ts";
import { fill } from "./copy.ts";
import type { UnaryName } from "./expressions.ts";
import { broadcastStrides, collapse } from "./extents.ts";
import { kernel, sizeOf, using, type Inputs } from "./kernel.ts";
import { cast, unaryInPlace } from "./unary.ts";

export function matMul(
  backend: CudaBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo {
  if (a.dtype !== "float32" || b.dtype !== "float32") {
    // Exact up to 2²⁴; there are no products of integers on the way of this engine.
    return using(backend, cast(backend, a, "float32"), (left) =>
      using(backend, cast(backend, b, "float32"), (right) =>
        using(backend, matMul(backend, left, right, transposeA, transposeB), (product) =>
          cast(backend, product, tf.upcastType(a.dtype, b.dtype)),
        ),
      ),
    );
  }
  const [rowsA = 1, colsA = 1] = a.shape.slice(-2);
  const [rowsB = 1, colsB = 1] = b.shape.slice(-2);
  const [m, k] = transposeA ? [colsA, rowsA] : [rowsA, colsA];
  const [inner, n] = transposeB ? [colsB, rowsB] : [rowsB, colsB];
  tf.util.assert(k === inner, () => `matMul: [${a.shape.join()}] and [${b.shape.join()}]`);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const out = backend.output([...batch, m, n], "float32");
  const count = tf.util.sizeFromShape(batch);
  if (sizeOf(out) === 0) return out;
  if (k === 0) {
    fill(backend, out, 0);
    return out;
  }
  const at = {
    a: backend.address(a),
    b: backend.address(b),
    c: backend.address(out),
  };
  const product = { n, k, transposeA, transposeB };
  if (tf.util.sizeFromShape(batchB) === 1 && !transposeA) {
    // One right matrix for all: the left ones are rows of one tall matrix.
    backend.runtime.gemm({ ...product, ...at, m: count * m });
    return out;
  }
  const walk = collapse(batch, [broadcastStrides(batchA, batch), broadcastStrides(batchB, batch)]);
  const [ofA = [], ofB = []] = walk.strides;
  const last = walk.extents.length - 1;
  const together = walk.extents[last] ?? 1;
  for (let group = 0; group * together < count; group++) {
    let [rest, fromA, fromB] = [group, 0, 0];
    for (let axis = last - 1; axis >= 0; axis--) {
      const extent = walk.extents[axis] ?? 1;
      fromA += (rest % extent) * (ofA[axis] ?? 0);
      fromB += (rest % extent) * (ofB[axis] ?? 0);
      rest = Math.floor(rest / extent);
    }
    backend.runtime.gemm({
      ...product,
      m,
      a: at.a + fromA * m * k * 4,
      b: at.b + fromB * k * n * 4,
      c: at.c + group * together * m * n * 4,
      batch: together,
      strideA: (ofA[last] ?? 0) * m * k,
      strideB: (ofB[last] ?? 0) * k * n,
      strideC: m * n,
    });
  }
  return out;
}

const ACTIVATIONS: Readonly<Record<string, UnaryName>> = {
  relu: "Relu",
  relu6: "Relu6",
  elu: "Elu",
  sigmoid: "Sigmoid",
  leakyrelu: "LeakyRelu",
};

function fusedMatMul(
  backend: CudaBackend,
  inputs: Inputs<"a" | "b"> & Partial<Inputs<"bias" | "preluActivationWeights">>,
  attributes: tf._FusedMatMulAttrs,
): tf.TensorInfo {
  const { a, b, bias, preluActivationWeights: slopes } = inputs;
  const { transposeA, transposeB, activation, leakyreluAlpha = 0 } = attributes;
  const out = matMul(backend, a, b, transposeA, transposeB);
  if (bias !== undefined) binaryInPlace(backend, "Add", out, bias);
  const name = ACTIVATIONS[activation];
  if (name !== undefined) unaryInPlace(backend, name, out, leakyreluAlpha);
  if (slopes !== undefined) {
    return using(backend, out, () => binary(backend, "Prelu", out, slopes));
  }
  return out;
}

export function matMulKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel(tf.BatchMatMul, (inputs, attributes) => {
      const { a, b } = inputs as Inputs<"a" | "b">;
      const { transposeA, transposeB } = attributes as unknown as tf.BatchMatMulAttrs;
      return matMul(backend, a, b, transposeA, transposeB);
    }),
    kernel(tf._FusedMatMul, (inputs, attributes) =>
      fusedMatMul(
        backend,
        inputs as Inputs<"a" | "b">,
        attributes as unknown as tf._FusedMatMulAttrs,
      ),
    ),
  ];
}
