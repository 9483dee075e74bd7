/** Sums, means, extremes, products, all and any, over any axes. */
import * as tf from "@tensorflow/tfjs-core";
import { f32, i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import {
  BLOCK,
  bytesOf,
  elementOf,
  gridFor,
  kernel,
  using,
  withScratch,
  type Inputs,
} from "./kernel.ts";
import { argBest } from "./argBest.ts";
import { reduceProgram } from "./programs.ts";
import { cast } from "./unary.ts";

const REDUCTIONS = ["Sum", "Prod", "Max", "Min", "All", "Any"] as const;
type Reduction = (typeof REDUCTIONS)[number];

/** Neighbouring axes that are kept, or summed, together. */
interface Group {
  readonly extent: number;
  readonly reduced: boolean;
}

function groupsOf(shape: readonly number[], axes: readonly number[]): Group[] {
  const groups: Group[] = [];
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const reduced = axes.includes(axis);
    const last = groups.at(-1);
    if (last?.reduced === reduced) {
      groups[groups.length - 1] = { extent: last.extent * extent, reduced };
    } else groups.push({ extent, reduced });
  });
  return groups;
}

/** @param scale multiplies a float sum */
export function reduce(
  backend: CudaBackend,
  name: Reduction,
  x: tf.TensorInfo,
  axes: readonly number[],
  keepDims: boolean,
  scale = 1,
): tf.TensorInfo {
  const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const shape = keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis));
  const groups = groupsOf(x.shape, axes);
  const isLast = (index: number): boolean => !groups.some((g, k) => g.reduced && k !== index);
  const index = groups.findLastIndex((group) => group.reduced);
  const group = groups[index];
  if (group === undefined) return backend.alias(x, shape);

  // The innermost group first, whose rows lie together; what is left is so much smaller.
  const product = (some: readonly Group[]): number => some.reduce((n, { extent }) => n * extent, 1);
  const outer = product(groups.slice(0, index));
  const inner = product(groups.slice(index + 1));
  if (!isLast(index)) {
    const partial = backend.output([outer, inner], x.dtype);
    return using(backend, partial, () => {
      launchReduction(backend, name, x, partial, { outer, length: group.extent, inner }, 1);
      const rest = [...groups.slice(0, index), ...groups.slice(index + 1)];
      const view = backend.alias(
        partial,
        rest.map(({ extent }) => extent),
      );
      return using(backend, view, () => {
        const others = rest.flatMap(({ reduced }, axis) => (reduced ? [axis] : []));
        const reduced = reduce(backend, name, view, others, false, scale);
        return using(backend, reduced, () => backend.alias(reduced, shape));
      });
    });
  }
  const out = backend.output(shape, x.dtype);
  launchReduction(backend, name, x, out, { outer, length: group.extent, inner }, scale);
  return out;
}

interface Block {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

function launchReduction(
  backend: CudaBackend,
  name: Reduction,
  x: tf.TensorInfo,
  out: tf.TensorInfo,
  block: Block,
  scale: number,
): void {
  if (block.outer * block.inner === 0) return;
  const reduction: Typed = { entry: `${name}_${elementOf(x.dtype)}`, bytes: bytesOf(x.dtype) };
  launchBlock(backend, reduction, backend.address(x), backend.address(out), block, scale);
}

interface Typed {
  readonly entry: string;
  readonly bytes: number;
}

/** Rows up to this long take a warp each, longer ones a block. */
const SHORT_ROW = 1024;
/** What one block takes at least, where an axis is split among several. */
const LEAST_OF_ROW = 4096;
const LEAST_OF_COLUMN = 64;
/** Blocks a multiprocessor that keep it busy. */
const BLOCKS_EACH = 8;

function launchBlock(
  backend: CudaBackend,
  { entry, bytes }: Typed,
  x: number,
  out: number,
  { outer, length, inner }: Block,
  scale: number,
): void {
  const { runtime } = backend;
  if (inner === 1 && length <= SHORT_ROW) {
    const lanes = Math.min(32, 2 ** Math.ceil(Math.log2(Math.max(1, length))));
    runtime.launch({
      program: reduceProgram(entry),
      entry: `${entry}_short`,
      grid: gridFor(runtime, outer * lanes),
      block: BLOCK,
      args: [pointer(x), pointer(out), i64(outer), i64(length), i32(lanes), f32(scale)],
    });
    return;
  }
  const tiles = inner === 1 ? 1 : Math.ceil(inner / 32);
  const least = inner === 1 ? LEAST_OF_ROW : LEAST_OF_COLUMN;
  const wanted = (BLOCKS_EACH * runtime.gpu.multiprocessors) / (tiles * outer);
  const pieces = Math.max(1, Math.min(Math.ceil(wanted), Math.ceil(length / least), 65535));
  const part = Math.max(8, 8 * Math.ceil(length / pieces / 8));
  const chunks = Math.max(1, Math.ceil(length / part));
  const launch = (target: number, factor: number): void => {
    const [from, to] = [pointer(x), pointer(target)];
    runtime.launch(
      inner === 1
        ? {
            program: reduceProgram(entry),
            entry: `${entry}_long`,
            grid: [outer, chunks],
            block: BLOCK,
            args: [from, to, i64(length), i64(part), f32(factor)],
          }
        : {
            program: reduceProgram(entry),
            entry: `${entry}_columns`,
            grid: [tiles * outer, chunks],
            block: [32, 8],
            args: [from, to, i64(length), i64(inner), i64(part), i64(tiles), f32(factor)],
          },
    );
  };
  if (chunks === 1) {
    launch(out, scale);
    return;
  }
  withScratch(runtime, outer * chunks * inner * bytes, (partial) => {
    launch(partial, 1);
    const rest = { outer, length: chunks, inner };
    launchBlock(backend, { entry, bytes }, partial, out, rest, scale);
  });
}

export function reductionKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    ...REDUCTIONS.map((name) =>
      kernel(name, (inputs, attributes) => {
        const { x } = inputs as Inputs<"x">;
        // Max alone has another name for the axes.
        const { axis, reductionIndices, keepDims } = attributes as unknown as tf.SumAttrs &
          tf.MaxAttrs;
        const along = name === "Max" ? reductionIndices : axis;
        const axes = tf.util.parseAxisParam(along, [...x.shape]);
        const logical = name === "All" || name === "Any";
        if (logical || x.dtype !== "bool") return reduce(backend, name, x, axes, keepDims);
        // Sums and products count; the largest of several truths is a truth.
        return using(backend, cast(backend, x, "int32"), (numbers) => {
          const out = reduce(backend, name, numbers, axes, keepDims);
          if (name === "Sum" || name === "Prod") return out;
          return using(backend, out, () => cast(backend, out, "bool"));
        });
      }),
    ),
    kernel(tf.Mean, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const { axis, keepDims } = attributes as unknown as tf.MeanAttrs;
      const axes = tf.util.parseAxisParam(axis, [...x.shape]);
      const count = axes.reduce((n, k) => n * (x.shape[k] ?? 1), 1);
      return using(backend, cast(backend, x, "float32"), (numbers) =>
        reduce(backend, "Sum", numbers, axes, keepDims, 1 / Math.max(1, count)),
      );
    }),
    ...(["ArgMax", "ArgMin"] as const).map((name) =>
      kernel(name, (inputs, attributes) => {
        const { x } = inputs as Inputs<"x">;
        const { axis } = attributes as unknown as tf.ArgMaxAttrs;
        const [along = 0] = tf.util.parseAxisParam(axis, [...x.shape]);
        return argBest(backend, x, along, name === "ArgMax");
      }),
    ),
  ];
}
