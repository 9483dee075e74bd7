/**
 * The inner loops of regrouping columns (method/regroup.ts) on the host's vector unit, for every device that has none of
 * its own (fused/regroup.ts): how much each swap between two groups would gain, thirty times as fast as in JavaScript.
 */
import { instantiateKernels, newMemory } from "./kernelFile.ts";

/** Column after column, `[columns][rows]`. */
export interface SwapColumns {
  readonly shares: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

export interface SwapSearch {
  /** Makes the best swap between groups g and h, if it gains more than `gain`; whether it did. */
  meet(g: number, h: number): boolean;
  /** The column at each place. */
  order(): Int32Array;
}

/** Addresses and sizes, in the order that the kernels take them. */
type Where = readonly [
  shares: number,
  next: number,
  base: number,
  now: number,
  order: number,
  scratch: number,
  rows: number,
  size: number,
  lost: number,
];

interface Kernels {
  groupLoss(g: number, ...where: Where): void;
  meet(g: number, h: number, gain: number, ...where: Where): number;
}

/** The limit of one memory: addresses are signed here, and a search has no need of more. */
const LIMIT_BYTES = 2 ** 31 - 2 ** 16;

/**
 * @param keep, of N and M; M divides the columns
 * @param gain what a swap must gain
 * @returns undefined where the kernels were not built or the columns are too large for one memory
 */
export async function openSwapSearch(
  { shares, rows, columns }: SwapColumns,
  { keep, of }: { readonly keep: number; readonly of: number },
  gain: number,
): Promise<SwapSearch | undefined> {
  const padded = 4 * Math.ceil(rows / 4);
  const groups = columns / of;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += 16 * Math.ceil(bytes / 16);
    return at;
  };
  const at = {
    shares: place(4 * columns * padded),
    next: place(4 * columns * padded),
    base: place(8 * columns),
    now: place(8 * groups),
    order: place(4 * columns),
    scratch: place(16 * Math.max(of * of, 2 * of)),
  };
  if (end > LIMIT_BYTES) return undefined;
  const memory = newMemory(end);
  const kernels = await instantiateKernels<Kernels>(memory);
  if (kernels === undefined) return undefined;

  const floats = new Float32Array(memory.buffer, at.shares, columns * padded);
  for (let j = 0; j < columns; j++) {
    floats.set(shares.subarray(j * rows, (j + 1) * rows), j * padded);
  }
  const order = new Int32Array(memory.buffer, at.order, columns);
  for (let j = 0; j < columns; j++) order[j] = j;
  const where: Where = [
    at.shares,
    at.next,
    at.base,
    at.now,
    at.order,
    at.scratch,
    padded,
    of,
    of - keep,
  ];
  for (let g = 0; g < groups; g++) kernels.groupLoss(g, ...where);
  return {
    meet: (g, h) => kernels.meet(g, h, gain, ...where) !== 0,
    order: () => order.slice(),
  };
}
