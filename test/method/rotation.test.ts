import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { foldRotation, identityRotation, rotateValueBias } from "../../daemon/method/index.ts";
import { ROLES, type LayerShape, type Role } from "../../daemon/vocabulary.ts";
import { fold } from "./reference.ts";
import {
  map,
  mul,
  orthogonalityError,
  randomLayer,
  randomMatrix,
  randomRotation,
  read,
  record,
  relativeError,
  SHAPE,
  toMatrices,
  toRotation,
  transpose,
  useCpu,
  type Matrix,
} from "./support.ts";

beforeAll(useCpu);

const layer = randomLayer(SHAPE, 1);
const rotation = randomRotation(SHAPE, 50);

describe("foldRotation", () => {
  it("leaves the function of a whole decoder layer unchanged (GQA attention, RoPE, biases)", async () => {
    const shape: LayerShape = { d: 8, heads: 4, kvHeads: 2, headDim: 4, ffn: 12 };
    const { matrices } = randomLayer(shape, 3);
    const turned = randomRotation(shape, 60);
    const x = randomMatrix(6, shape.d, 70);
    const bias = randomMatrix(1, shape.kvHeads * shape.headDim, 71);

    const folded = foldRotation(
      toMatrices({ matrices, hessians: layer.hessians }),
      toRotation(turned),
      shape,
    );
    const turnedBias = rotateValueBias(tf.tensor1d([...(bias[0] ?? [])]), toRotation(turned).r2);
    const weights = record(ROLES, () => [] as number[][]);
    for (const role of ROLES) weights[role] = await read(folded[role]);

    const before = decoderLayer(x, matrices, bias, shape);
    const inside = decoderLayer(mul(x, turned.r1), weights, await read(turnedBias), shape);
    expect(relativeError(mul(inside, transpose(turned.r1)), before)).toBeLessThan(1e-5);
  });

  it("is the table of method.md with dense block-diagonal matrices", async () => {
    const folded = foldRotation(toMatrices(layer), toRotation(rotation), SHAPE);
    const expected = fold(layer.matrices, rotation, SHAPE);
    for (const role of ROLES) {
      expect(relativeError(await read(folded[role]), expected[role])).toBeLessThan(1e-6);
    }
  });

  it("by the identity changes nothing", async () => {
    const folded = foldRotation(toMatrices(layer), identityRotation(SHAPE), SHAPE);
    for (const role of ROLES) expect(await read(folded[role])).toEqual(layer.matrices[role]);
    expect(await orthogonalityError(identityRotation(SHAPE).r2)).toBe(0);
  });
});

/** Pre-norm decoder layer without norm gains, in float64: the function that must not change. */
function decoderLayer(
  x: Matrix,
  w: Readonly<Record<Role, Matrix>>,
  valueBias: Matrix,
  { heads, kvHeads, headDim }: LayerShape,
): number[][] {
  const add = (a: Matrix, b: Matrix): number[][] => map(a, (v, i, j) => v + (b[i]?.[j] ?? NaN));
  const norm = (a: Matrix): number[][] =>
    a.map((row) => {
      const rms = Math.sqrt(row.reduce((s, v) => s + v * v, 0) / row.length + 1e-5);
      return row.map((v) => v / rms);
    });
  const linear = (a: Matrix, weight: Matrix): number[][] => mul(a, transpose(weight));
  const head = (a: Matrix, h: number): number[][] =>
    a.map((row) => row.slice(h * headDim, (h + 1) * headDim));
  const rope = (a: Matrix): number[][] =>
    a.map((row, t) =>
      row.map((v, j) => {
        const half = headDim / 2;
        const angle = t * 10000 ** ((-2 * (j % half)) / headDim);
        const other = j < half ? -(row[j + half] ?? NaN) : (row[j - half] ?? NaN);
        return v * Math.cos(angle) + other * Math.sin(angle);
      }),
    );
  const attend = (q: Matrix, k: Matrix, v: Matrix): number[][] => {
    const scores = map(mul(q, transpose(k)), (s, i, j) =>
      j > i ? 0 : Math.exp(s / Math.sqrt(headDim) / 10),
    );
    return mul(
      scores.map((row) => row.map((s) => s / row.reduce((a, b) => a + b, 0))),
      v,
    );
  };

  const h = norm(x);
  const [q, k] = [linear(h, w.q), linear(h, w.k)];
  const v = map(linear(h, w.v), (value, _, j) => value + (valueBias[0]?.[j] ?? NaN));
  const perHead = Array.from({ length: heads }, (_, i) => {
    const shared = Math.floor((i * kvHeads) / heads);
    return attend(rope(head(q, i)), rope(head(k, shared)), head(v, shared));
  });
  const attended = x.map((_, t) => perHead.flatMap((rows) => rows[t] ?? []));
  const middle = add(x, linear(attended, w.o));
  const g = norm(middle);
  const up = linear(g, w.up);
  const gated = map(linear(g, w.gate), (a, i, j) => (a / (1 + Math.exp(-a))) * (up[i]?.[j] ?? NaN));
  return add(middle, linear(gated, w.down));
}
