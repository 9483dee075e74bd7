/** The elementwise operations as TensorFlow.js kernels. */
import * as tf from "@tensorflow/tfjs-core";
import { i64, pointer, type CudaBackend } from "../runtime.ts";
import { binary } from "./binary.ts";
import { BINARY, UNARY, type BinaryName, type UnaryName } from "./expressions.ts";
import { BLOCK, bytesOf, gridFor, kernel, sizeOf, using, type Inputs } from "./kernel.ts";
import { movementProgram } from "./programs.ts";
import { cast, unary } from "./unary.ts";

/** `condition` has the shape of `t` and `e`, or is a vector that chooses among their rows. */
export function select(
  backend: CudaBackend,
  condition: tf.TensorInfo,
  t: tf.TensorInfo,
  e: tf.TensorInfo,
): tf.TensorInfo {
  const dtype = tf.upcastType(t.dtype, e.dtype);
  if (t.dtype !== dtype || e.dtype !== dtype) {
    return using(backend, cast(backend, t, dtype), (yes) =>
      using(backend, cast(backend, e, dtype), (no) => select(backend, condition, yes, no)),
    );
  }
  const out = backend.output(t.shape, dtype);
  const count = sizeOf(out);
  if (count === 0) return out;
  const inner =
    condition.shape.length === 1 && t.shape.length > 1
      ? tf.util.sizeFromShape(t.shape.slice(1))
      : 1;
  backend.runtime.launch({
    program: movementProgram,
    entry: `select_${bytesOf(dtype)}`,
    grid: gridFor(backend.runtime, inner === 1 ? count / 4 : count),
    block: BLOCK,
    args: [
      ...[condition, t, e, out].map((tensor) => pointer(backend.address(tensor))),
      i64(count),
      i64(inner),
    ],
  });
  return out;
}

/** The operation's own numbers, from the kernel's attributes. */
function numbersOf(name: UnaryName, attributes: tf.NamedAttrMap): [p: number, q: number] {
  if (name === "ClipByValue") {
    const { clipValueMin, clipValueMax } = attributes as unknown as tf.ClipByValueAttrs;
    return [clipValueMin, clipValueMax];
  }
  const { alpha = 0 } = attributes as { alpha?: number };
  return [alpha, 0];
}

const names = <Name extends string>(table: Readonly<Record<Name, unknown>>): Name[] =>
  Object.keys(table) as Name[];

/** Two have names of their own for what the others call a and b. */
const OPERANDS: Partial<Record<BinaryName, readonly [string, string]>> = {
  EluGrad: ["dy", "y"],
  Prelu: ["x", "alpha"],
};

export function elementwiseKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    ...names<UnaryName>(UNARY).map((name) =>
      kernel(name, (inputs, attributes) => {
        const { x } = inputs as Inputs<"x">;
        return unary(backend, name, x, ...numbersOf(name, attributes));
      }),
    ),
    ...names<BinaryName>(BINARY).map((name) =>
      kernel(name, (inputs) => {
        const [first, second] = OPERANDS[name] ?? ["a", "b"];
        const operands = inputs as Inputs<string>;
        const [a, b] = [operands[first], operands[second]];
        if (a === undefined || b === undefined) throw new RangeError(`${name} takes two tensors`);
        return binary(backend, name, a, b);
      }),
    ),
    kernel(tf.Cast, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return cast(backend, x, (attributes as unknown as tf.CastAttrs).dtype);
    }),
    kernel(tf.Select, (inputs) => {
      const { condition, t, e } = inputs as Inputs<"condition" | "t" | "e">;
      return select(backend, condition, t, e);
    }),
    // One sum after the other, as one reads them: the same rounding everywhere.
    kernel(tf.AddN, (inputs) => {
      const [first, ...others] = inputs as unknown as tf.TensorInfo[];
      if (first === undefined) throw new RangeError("AddN of nothing");
      return others.reduce<tf.TensorInfo>(
        (sum, other) => using(backend, sum, () => binary(backend, "Add", sum, other)),
        backend.alias(first, first.shape),
      );
    }),
  ];
}
