/** Extents and strides of dense tensors, reduced to what a kernel has to walk through. */

/** Row-major: elements between neighbours along each axis. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

/** Strides of `shape` seen as `target`, to which it broadcasts: 0 where it repeats. */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const added = target.length - shape.length;
  const dense = denseStrides(shape);
  return target.map((_, axis) =>
    axis < added || shape[axis - added] === 1 ? 0 : (dense[axis - added] ?? 0),
  );
}

/** A walk through several memories in the same order: the extents, and for each memory its strides. */
export interface Walk {
  readonly extents: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same walk with the fewest axes: none of extent 1, and neighbours that lie alike everywhere made one. */
export function collapse(
  extents: readonly number[],
  strides: readonly (readonly number[])[],
): Walk {
  const kept: number[] = [];
  const steps: number[][] = strides.map(() => []);
  extents.forEach((extent, axis) => {
    if (extent === 1) return;
    const last = kept.length - 1;
    const outer = kept[last];
    const joins =
      outer !== undefined &&
      strides.every((own, k) => steps[k]?.[last] === (own[axis] ?? 0) * extent);
    if (joins) kept[last] = outer * extent;
    else kept.push(extent);
    strides.forEach((own, k) => {
      const list = steps[k];
      if (list === undefined) return;
      if (joins) list[last] = own[axis] ?? 0;
      else list.push(own[axis] ?? 0);
    });
  });
  return { extents: kept, strides: steps };
}

/** The innermost axis of a walk that can go `width` elements at a time; every other stride keeps the alignment. */
export function goesWide(walk: Walk, width: number, offsets: readonly number[] = []): boolean {
  const last = walk.extents.length - 1;
  return (
    (walk.extents[last] ?? 1) % width === 0 &&
    offsets.every((offset) => offset % width === 0) &&
    walk.strides.every(
      (own) =>
        own[last] === 0 ||
        (own[last] === 1 && own.every((stride, axis) => axis === last || stride % width === 0)),
    )
  );
}

/** `values` as the last of `count`, with `filler` before them. */
export function rightAligned(values: readonly number[], count: number, filler: number): number[] {
  return [...new Array<number>(count - values.length).fill(filler), ...values];
}

/** Kernels count what they walk through in 32 bits. */
const MOST_AT_ONCE = 2 ** 31;

/**
 * A walk over more axes than a kernel has, or longer than it can count, in parts along its outermost axis.
 *
 * @returns undefined where it can go as it is
 */
export function divided(
  { extents, strides }: Walk,
  maxRank: number,
): { readonly start: number; readonly part: Walk }[] | undefined {
  const [outermost = 1, ...rest] = extents;
  const each = rest.reduce((count, extent) => count * extent, 1);
  const tooDeep = extents.length > maxRank;
  if (!tooDeep && outermost * each < MOST_AT_ONCE) return undefined;
  const most = tooDeep ? 1 : Math.max(1, Math.floor((MOST_AT_ONCE - 1) / each));
  return Array.from({ length: Math.ceil(outermost / most) }, (_, i) => {
    const some = Math.min(most, outermost - i * most);
    const part =
      some === 1
        ? { extents: rest, strides: strides.map((own) => own.slice(1)) }
        : { extents: [some, ...rest], strides };
    return { start: i * most, part };
  });
}
