import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { adamDirection } from "../../daemon/backend/index.ts";
import { adamStep, startAdam } from "../../daemon/method/adam.ts";
import { move, powerStart } from "../../daemon/method/orthogonal.ts";
import {
  flat,
  map,
  mul,
  orthogonalityError,
  randomMatrix,
  randomOrthogonal,
  read,
  relativeError,
  tensor,
  transpose,
  useCpu,
  type Matrix,
} from "./support.ts";

beforeAll(useCpu);

const stack = (...blocks: Matrix[]): tf.Tensor3D => tf.stack(blocks.map(tensor)) as tf.Tensor3D;
const skew = (n: number, size: number, seed: number): number[][] => {
  const a = randomMatrix(n, n, seed);
  return map(a, (x, i, j) => (size * (x - (a[j]?.[i] ?? NaN))) / 2);
};
/** A rotation's generator by θ in the plane, and where it should take the plane. */
const plane = (angle: number): number[][] => [
  [0, angle],
  [-angle, 0],
];

describe("move", () => {
  it.each([0.001, 0.1, 0.5, 1, 1.5])(
    "turns a plane by nearly θ = %d, clockwise for −A",
    async (angle) => {
      const { r } = move(
        stack([
          [1, 0],
          [0, 1],
        ]),
        stack(plane(angle)),
        powerStart(1, 2),
      );
      const [row] = await read(r);
      expect(Math.atan2(row?.[0] ?? NaN, -(row?.[1] ?? NaN)) - Math.PI / 2).toBeCloseTo(-angle, 0);
      const turned = Math.PI / 2 - Math.atan2(row?.[0] ?? NaN, -(row?.[1] ?? NaN));
      expect(Math.abs(turned / angle - 1)).toBeLessThan(0.05);
    },
  );

  it("to first order is R (I − A)", async () => {
    const r = randomOrthogonal(9, 1);
    const a = skew(9, 1e-3, 2);
    const moved = await read(move(stack(r), stack(a), powerStart(1, 9)).r);
    const expected = mul(r, a);
    const step = map(moved, (x, i, j) => (r[i]?.[j] ?? NaN) - x);
    expect(relativeError(step, expected)).toBeLessThan(0.01);
  });

  it.each([0.01, 0.3, 1, 5, 100])(
    "stays orthogonal for entries of size %d, block by block",
    async (size) => {
      // Blocks of very different length: one must not shorten the other.
      const r = stack(randomOrthogonal(12, 1), randomOrthogonal(12, 2));
      const a = stack(skew(12, size, 3), skew(12, size / 100, 4));
      let power = powerStart(2, 12);
      // The norm's estimate settles within a few steps; so does orthogonality after a step that was too long.
      let here = r;
      for (let i = 0; i < 6; i++) ({ r: here, power } = move(here, a, power));
      expect(await orthogonalityError(here)).toBeLessThan(1e-5);
    },
  );

  it("by nothing stays where it is", async () => {
    const r = stack(randomOrthogonal(5, 1));
    const { r: same, power } = move(r, tf.zeros([1, 5, 5]), powerStart(1, 5));
    expect(relativeError(await read(same), await read(r))).toBeLessThan(1e-5);
    expect(flat(await read(power)).every(Number.isFinite)).toBe(true);
  });
});

describe("adamStep", () => {
  it("follows Adam on the skew gradient", async () => {
    const n = 6;
    const r = randomOrthogonal(n, 1);
    const gradients = [randomMatrix(n, n, 2), randomMatrix(n, n, 3), randomMatrix(n, n, 4)];
    // Small steps, so that the retraction is R (I − A) and R hardly moves between them.
    const rate = 1e-4;
    let state = startAdam(1, n);
    let here = stack(r);
    let expected: number[][] = [...r.map((row) => [...row])];
    let m = map(r, () => 0);
    let v = map(r, () => 0);
    for (const [t, g] of gradients.entries()) {
      ({ r: here, state } = adamStep(here, stack(g), state, rate));
      const p = mul(transpose(expected), g);
      const omega = map(p, (x, i, j) => x - (p[j]?.[i] ?? NaN));
      m = map(m, (x, i, j) => 0.9 * x + 0.1 * (omega[i]?.[j] ?? NaN));
      v = map(v, (x, i, j) => 0.99 * x + 0.01 * (omega[i]?.[j] ?? NaN) ** 2);
      const a = map(m, (x, i, j) => {
        const scale = Math.sqrt((v[i]?.[j] ?? NaN) / (1 - 0.99 ** (t + 1))) + 1e-12;
        return (rate * x) / (1 - 0.9 ** (t + 1)) / scale;
      });
      const step = mul(expected, a);
      expected = map(expected, (x, i, j) => x - (step[i]?.[j] ?? NaN));
    }
    const travelled = (to: Matrix): number[][] => map(to, (x, i, j) => x - (r[i]?.[j] ?? NaN));
    expect(relativeError(travelled(await read(here)), travelled(expected))).toBeLessThan(0.01);
  });

  it("keeps R orthogonal through 2000 steps of float32", async () => {
    const target = stack(randomOrthogonal(8, 5));
    let state = startAdam(1, 8);
    let r = stack(randomOrthogonal(8, 6));
    for (let t = 0; t < 2000; t++) {
      // Gradient of ½‖R − target‖², up to what skewing removes.
      const next = tf.tidy(() => adamStep(r, tf.neg(target), state, 0.1));
      tf.dispose([r, state.first, state.second, state.power]);
      ({ r, state } = next);
    }
    expect(await orthogonalityError(r)).toBeLessThan(1e-5);
  });

  it("descends to the nearest rotation of a target", async () => {
    const target = randomOrthogonal(6, 5);
    const start = randomOrthogonal(6, 6);
    // The same component of the group: flip a row if need be.
    const to =
      determinant(target) * determinant(start) > 0
        ? target
        : target.map((row, i) => (i ? row : row.map((x) => -x)));
    let state = startAdam(1, 6);
    let r = stack(start);
    for (let t = 0; t < 300; t++) {
      ({ r, state } = tf.tidy(() => adamStep(r, tf.neg(stack(to)), state, 0.1 * (1 - t / 300))));
    }
    expect(relativeError(await read(r), to)).toBeLessThan(0.02);
  });
});

it("the skew gradient of a symmetric pull is zero", async () => {
  const r = randomOrthogonal(5, 1);
  const s = mul(transpose(randomMatrix(5, 5, 2)), randomMatrix(5, 5, 2));
  const moments = { first: tf.zerosLike(stack(r)), second: tf.zerosLike(stack(r)) };
  const rates = { beta1: 0, beta2: 0, eta: 1, epsilon: 1e-12 };
  const product = stack(mul(transpose(r), mul(r, s)));
  const omega = await read(adamDirection(product, moments, rates).first);
  expect(Math.max(...flat(omega).map(Math.abs))).toBeLessThan(1e-5);
});

function determinant(a: Matrix): number {
  const work = a.map((row) => [...row]);
  let result = 1;
  for (let j = 0; j < work.length; j++) {
    const pivot = work[j]?.[j] ?? NaN;
    result *= pivot;
    for (let i = j + 1; i < work.length; i++) {
      const factor = (work[i]?.[j] ?? NaN) / pivot;
      work[i] = (work[i] ?? []).map((x, k) => x - factor * (work[j]?.[k] ?? NaN));
    }
  }
  return result;
}
