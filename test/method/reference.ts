/**
 * The method once more, in float64 on arrays, straight from its definition (dense block-diagonal rotations, no
 * stacking, no closed-form gradients): what the tensors are compared with.
 */
import {
  INPUT_OF,
  ROLES,
  type InputKind,
  type LayerShape,
  type Objective,
  type Pattern,
  type PruneMethod,
  type Role,
} from "../../daemon/vocabulary.ts";
import {
  blockDiagonal,
  identity,
  inverse,
  map,
  mul,
  transpose,
  type Matrix,
  type ReferenceLayer,
  type ReferenceRotation,
} from "./support.ts";

const sum = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0);

export function fold(
  m: Readonly<Record<Role, Matrix>>,
  { r1, r2 }: ReferenceRotation,
  shape: LayerShape,
): Record<Role, Matrix> {
  const [bv, bo] = [blockDiagonal(r2), blockDiagonal(r2, shape.heads / shape.kvHeads)];
  return {
    q: mul(m.q, r1),
    k: mul(m.k, r1),
    v: mul(mul(transpose(bv), m.v), r1),
    o: mul(mul(transpose(r1), m.o), bo),
    gate: mul(m.gate, r1),
    up: mul(m.up, r1),
    down: mul(transpose(r1), m.down),
  };
}

export function damped(h: Matrix, damping: number): number[][] {
  const alive = map(h, (x, i, j) => (i === j && x === 0 ? 1 : x));
  const mean = sum(alive.map((row, i) => row[i] ?? NaN)) / h.length;
  return map(alive, (x, i, j) => x + (i === j ? damping * mean : 0));
}

export function columnWeights(
  method: PruneMethod,
  hessians: Readonly<Record<InputKind, Matrix>>,
  { r1, r2 }: ReferenceRotation,
  shape: LayerShape,
): Record<InputKind, number[]> {
  const turn: Record<InputKind, Matrix> = {
    qkv: r1,
    mlp: r1,
    o: blockDiagonal(r2, shape.heads / shape.kvHeads),
    down: identity(shape.ffn),
  };
  const weights = (kind: InputKind): number[] => {
    const h = hessians[kind];
    if (method === "magnitude") return h.map(() => 1);
    const m = method === "wanda" ? h : inverse(damped(h, 0.01));
    const turned = mul(mul(transpose(turn[kind]), m), turn[kind]);
    const diagonal = turned.map((row, j) => row[j] ?? NaN);
    return method === "wanda" ? diagonal : diagonal.map((x) => 1 / x);
  };
  return { qkv: weights("qkv"), o: weights("o"), mlp: weights("mlp"), down: weights("down") };
}

/** Σ over rows of the Shannon entropy of the row. */
export function rowEntropy(s: Matrix): number {
  return sum(
    s.map((row) => {
      const total = sum(row);
      return -sum(row.map((x) => (x === 0 ? 0 : (x / total) * Math.log(x / total))));
    }),
  );
}

/** Σ over rows of the share that the pattern deletes. */
export function prunedMass(s: Matrix, pattern: Pattern): number {
  return sum(
    s.map((row) => {
      const lowest = (values: readonly number[], count: number): number =>
        sum([...values].sort((a, b) => a - b).slice(0, count));
      if (pattern.kind === "unstructured") {
        return lowest(row, Math.floor(pattern.share * row.length)) / sum(row);
      }
      const { keep, of } = pattern;
      const groups = Array.from({ length: row.length / of }, (_, g) =>
        lowest(row.slice(g * of, (g + 1) * of), of - keep),
      );
      return sum(groups) / sum(row);
    }),
  );
}

export interface ReferenceFigures {
  readonly entropy: number;
  readonly prunedMass: number;
}

export function figures(
  layer: ReferenceLayer,
  rotation: ReferenceRotation,
  shape: LayerShape,
  method: PruneMethod,
  pattern: Pattern,
): Record<Role, ReferenceFigures> {
  const w = fold(layer.matrices, rotation, shape);
  const c = columnWeights(method, layer.hessians, rotation, shape);
  const of = (role: Role): ReferenceFigures => {
    const s = map(w[role], (x, _, j) => x * x * (c[INPUT_OF[role]][j] ?? NaN));
    const rows = role === "down" ? 0 : rowEntropy(s);
    const columns = ["down", "v", "o"].includes(role) ? rowEntropy(transpose(s)) : 0;
    return { entropy: rows + columns, prunedMass: prunedMass(s, pattern) };
  };
  return Object.fromEntries(ROLES.map((role) => [role, of(role)])) as Record<
    Role,
    ReferenceFigures
  >;
}

export function loss(objective: Objective, ...given: Parameters<typeof figures>): number {
  const all = Object.values(figures(...given));
  return sum(all.map((f) => (objective === "entropy" ? f.entropy : f.prunedMass)));
}
