/** Walks through memory: what is made of them visits the same places in the same order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  broadcastStrides,
  collapse,
  denseStrides,
  divided,
  goesWide,
  type Walk,
} from "../../../../daemon/backend/cuda/kernels/extents.ts";

/** The places that each memory's side of a walk visits, one after the other. */
function places({ extents, strides }: Walk): number[][] {
  return strides.map((own) =>
    extents.reduce<number[]>(
      (before, extent, axis) =>
        before.flatMap((at) => Array.from({ length: extent }, (_, i) => at + i * (own[axis] ?? 0))),
      [0],
    ),
  );
}

const walks = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean(), fc.integer({ min: -2, max: 2 })), {
    maxLength: 5,
  })
  .map((axes): Walk => {
    const extents = axes.map(([extent]) => extent);
    const dense = denseStrides(extents);
    return {
      extents,
      strides: [
        dense,
        dense.map((stride, axis) => (axes[axis]?.[1] === true ? 0 : stride)),
        axes.map(([, , stride]) => stride),
      ],
    };
  });

test("a collapsed walk goes the same way, over no more axes", () => {
  fc.assert(
    fc.property(walks, (walk) => {
      const shorter = collapse(walk.extents, walk.strides);
      expect(places(shorter)).toEqual(places(walk));
      expect(shorter.extents.length).toBeLessThanOrEqual(walk.extents.length);
      expect(shorter.extents).not.toContain(1);
    }),
  );
});

test("dense memory is one axis", () => {
  expect(collapse([2, 3, 4], [denseStrides([2, 3, 4])])).toEqual({ extents: [24], strides: [[1]] });
});

test("the parts of a deep walk, one after the other, are the walk", () => {
  fc.assert(
    fc.property(walks, (walk) => {
      const parts = divided(walk, 2);
      if (walk.extents.length <= 2) {
        expect(parts).toBeUndefined();
        return;
      }
      const visited = walk.strides.map((own, k) =>
        (parts ?? []).flatMap(({ start, part }) =>
          (places(part)[k] ?? []).map((at) => at + start * (own[0] ?? 0)),
        ),
      );
      expect(visited).toEqual(places(walk));
    }),
  );
});

test("a walk longer than 32 bits count is divided into parts that are not", () => {
  const walk: Walk = { extents: [5, 2 ** 30], strides: [[2 ** 30, 1]] };
  const parts = divided(walk, 4) ?? [];
  expect(parts.map(({ start }) => start)).toEqual([0, 1, 2, 3, 4]);
  expect(parts.every(({ part }) => part.extents.reduce((a, b) => a * b, 1) < 2 ** 31)).toBe(true);
  const long = divided({ extents: [2 ** 30, 3], strides: [[3, 1]] }, 4) ?? [];
  expect(long.length).toBe(2);
  expect(long.reduce((sum, { part }) => sum + (part.extents[0] ?? 0), 0)).toBe(2 ** 30);
});

test("groups of four only where every group is whole and aligned", () => {
  const wide = (a: number[], b: number[], target: number[]): boolean =>
    goesWide(collapse(target, [broadcastStrides(a, target), broadcastStrides(b, target)]), 4);
  expect(wide([4, 8], [8], [4, 8])).toBe(true);
  expect(wide([4, 8], [4, 1], [4, 8])).toBe(true);
  expect(wide([4, 6], [6], [4, 6])).toBe(false);
  expect(goesWide({ extents: [3, 4], strides: [[5, 1]] }, 4)).toBe(false);
  expect(goesWide({ extents: [3, 4], strides: [[8, 1]] }, 4, [2])).toBe(false);
  expect(goesWide({ extents: [3, 4], strides: [[8, 2]] }, 4)).toBe(false);
});
