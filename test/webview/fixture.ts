/**
 * Plausible reports without an engine: log-normal importances that a "rotation" concentrates, real masks for the
 * pattern, and every figure counted from them, so that a page shows nothing that contradicts itself.
 */
import type {
  ComparisonReport,
  Histogram,
  LayerReport,
  MatrixReport,
  Overview,
  PerplexityRow,
  RunReport,
} from "../../daemon/report.ts";
import {
  type LayerShape,
  matrixShape,
  type Pattern,
  type PruneMethod,
  type Role,
  ROLES,
} from "../../daemon/vocabulary.ts";

const SHAPE: LayerShape = { d: 128, heads: 8, kvHeads: 4, headDim: 16, ffn: 384 };

export interface FixtureOptions {
  readonly layers?: number;
  readonly method?: PruneMethod;
  readonly pattern?: Pattern;
  readonly rotation?: RunReport["recipe"]["rotation"];
  readonly name?: string;
  readonly perplexity?: readonly PerplexityRow[];
  readonly seed?: number;
}

export function runReport(options: FixtureOptions = {}): RunReport {
  const random = normals(options.seed ?? 1);
  const pattern = options.pattern ?? { kind: "nm", keep: 2, of: 4 };
  const rotation = options.rotation ?? { kind: "layer" };
  const count = options.layers ?? 6;
  const layers = Array.from({ length: count }, (_, i) =>
    layerReport(i, count, pattern, rotation.kind, random),
  );
  const matrices = layers.flatMap((l) => ROLES.map((role) => l.matrices[role]));
  const prunable = sum(matrices.map((m) => m.shape[0] * m.shape[1]));
  const zeros = sum(matrices.map((m) => m.zeros));
  return {
    schema: "denoise-rotator/report@1",
    version: "0.1.0",
    source: {
      name: options.name ?? "sample-1.4M",
      modelType: "llama",
      layers: count,
      parameters: prunable + 262_144,
      fingerprint: "9f3c1d0a7be24c55a1f08a6b9d3e7712c0de44f19ab83e6f5d27c1b09e8f4a63",
    },
    device: "wasm + OpenBLAS 0.3.21, 2 threads",
    recipe: {
      method: options.method ?? "sparsegpt",
      pattern,
      profile: { kind: "uniform" },
      rotation,
      objective: "pruned-mass",
      steps: 200,
      regroup: pattern.kind === "nm",
      learningRate: 0.1,
      damping: 0.01,
      blockSize: 128,
      samples: 64,
      seqLen: 256,
      sampling: "sequential",
      seed: 0,
      dtype: "keep",
    },
    calibration: {
      files: [
        {
          name: "calibration.txt",
          sha256: "5b1f4c0e9a7d3382d6f1c4b8a90e7f2356c8d1ab04ef97d2c3b5a6e8f1029384",
          bytes: 1_482_113,
        },
      ],
      tokens: 64 * 256,
    },
    layers,
    ratios: null,
    total: {
      prunable,
      zeros,
      sparsity: zeros / prunable,
      bytes: (prunable + 262_144) * 2,
      boundaryParameters: rotation.kind === "layer" ? (count - 1) * SHAPE.d ** 2 : 0,
      packedBytes: Math.round(prunable * 0.5 * 2 + prunable / 8),
    },
    perplexity: options.perplexity ?? perplexities(4.107, 36.92, 10.8),
    selfTest: {
      maxAbsDifference: 3.4e-5,
      maxAbsLogit: 17.8,
      tolerance: 1.78e-3,
      reopened: { tensors: 9 * count + 3, zeros, maxAbsDifference: 0.04, tolerance: 1.07 },
    },
    fallbacks: [
      {
        layer: 0,
        role: "down",
        what: "damping raised from 0.01 to 0.1: the Hessian was not positive definite",
      },
    ],
  };
}

export function perplexities(dense: number, pruned: number, rotated: number): PerplexityRow[] {
  const measured = {
    tokens: 51_000,
    windows: 200,
    seqLen: 256,
    textSha256: "c4a1e7b2903d58f6aa17e0c9d4b3f28615fe7099d1c2ab34e56780f9a1b2c3d4",
  };
  return [
    { label: "dense", perplexity: dense, ...measured },
    { label: "pruned", perplexity: pruned, ...measured },
    { label: "rotated + pruned", perplexity: rotated, ...measured },
  ];
}

/** The figures of `method.md` §3, so that the page is judged on the spread it will really have to show. */
export function comparisonReport(layers = 3): ComparisonReport {
  const half: Pattern = { kind: "unstructured", share: 0.5 };
  const twoFour: Pattern = { kind: "nm", keep: 2, of: 4 };
  const figures: readonly (readonly [PruneMethod, Pattern, number, number])[] = [
    ["magnitude", half, 34.94, 7.5],
    ["magnitude", twoFour, 83.32, 17.8],
    ["wanda", half, 18.43, 6.6],
    ["wanda", twoFour, 66.06, 14.3],
    ["sparsegpt", half, 18.07, 7.06],
    ["sparsegpt", twoFour, 36.92, 10.8],
  ];
  const [dense] = perplexities(4.107, 1, 1);
  if (dense === undefined) throw new Error("the fixture has no dense row");
  return {
    title: "sample-1.4M, pruned six ways",
    dense,
    machine: "wasm + OpenBLAS, 2 × AMD EPYC 7B13",
    rows: figures.map(([method, pattern, pruned, rotated], i) => ({
      method,
      pattern,
      pruned,
      rotated,
      secondsPruned: 2.1 + i / 3,
      secondsRotated: 19.4 + 2 * i,
      output: `out/sample-${pattern.kind === "nm" ? "2of4" : "50"}-${method}`,
      report: runReport({
        method,
        pattern,
        layers,
        seed: i + 1,
        perplexity: perplexities(4.107, pruned, rotated),
      }),
    })),
  };
}

function layerReport(
  index: number,
  count: number,
  pattern: Pattern,
  rotation: RunReport["recipe"]["rotation"]["kind"],
  random: () => number,
): LayerReport {
  const depth = index / Math.max(1, count - 1);
  const matrices = Object.fromEntries(
    ROLES.map((role) => [role, matrixReport(role, depth, pattern, rotation !== "none", random)]),
  ) as Record<Role, MatrixReport>;
  const all = ROLES.map((role) => matrices[role]);
  const entropy = {
    before: sum(all.map((m) => m.entropy.before)),
    after: sum(all.map((m) => m.entropy.after)),
  };
  const prunedMass = {
    before: sum(all.map((m) => m.prunedMass.before)) / all.length,
    after: sum(all.map((m) => m.prunedMass.after)) / all.length,
  };
  const rows = sum(all.map((m) => m.shape[0]));
  return {
    index,
    entropy,
    prunedMass,
    matrices,
    curve: rotation === "none" ? [] : curve(entropy, prunedMass, rows, rotation, random),
  };
}

/** Pruned mass over 200 steps, the entropy at every tenth. A global rotation has the same curve everywhere. */
function curve(
  entropy: LayerReport["entropy"],
  mass: LayerReport["prunedMass"],
  rows: number,
  rotation: string,
  random: () => number,
): LayerReport["curve"] {
  const shared = rotation === "global";
  const [start, end] = shared ? [9000, 8100] : [entropy.before, entropy.after];
  const [high, low] = shared ? [420, 180] : [rows * mass.before * 0.7, rows * mass.after];
  const jitter = (): number => (shared ? 0 : 0.01 * random());
  const falling = (from: number, to: number, step: number): number =>
    to + (from - to) * (Math.exp(-step / 40) + jitter());
  return Array.from({ length: 200 }, (_, i) => ({
    step: i + 1,
    objective: "pruned-mass" as const,
    loss: falling(high, low, i),
    ...(i % 10 === 0 || i === 199 ? { entropy: falling(start, end, i) } : {}),
  }));
}

function matrixReport(
  role: Role,
  depth: number,
  pattern: Pattern,
  rotated: boolean,
  random: () => number,
): MatrixReport {
  const [rows, cols] = matrixShape(role, SHAPE);
  const before = importance(rows, cols, 0.9, 0.5, depth, random);
  const after = rotated ? importance(rows, cols, 1.9 - 0.4 * depth, 1.0, depth, random) : before;
  const pruneBefore = mask(before, rows, cols, pattern);
  const pruneAfter = rotated ? mask(after, rows, cols, pattern) : pruneBefore;
  const zeros = pruneAfter.reduce((n, p) => n + p, 0);
  return {
    shape: [rows, cols],
    zeros,
    sparsity: zeros / (rows * cols),
    entropy: { before: entropy(before, rows, cols), after: entropy(after, rows, cols) },
    prunedMass: {
      before: prunedMass(before, pruneBefore, rows, cols),
      after: prunedMass(after, pruneAfter, rows, cols),
    },
    overview: {
      before: overview(before, rows, cols, "log10-importance"),
      after: overview(after, rows, cols, "log10-importance"),
      mask: overview(Float64Array.from(pruneAfter), rows, cols, "pruned-fraction"),
    },
    histogram: { before: histogram(before, pruneBefore), after: histogram(after, pruneAfter) },
  };
}

/** Squared normal weights times a log-normal scale per row and per column: real matrices show both stripes. */
function importance(
  rows: number,
  cols: number,
  columnSpread: number,
  rowSpread: number,
  depth: number,
  random: () => number,
): Float64Array {
  const ofRow = Float64Array.from({ length: rows }, () => Math.exp(rowSpread * random()));
  const ofCol = Float64Array.from({ length: cols }, () => Math.exp(columnSpread * random()));
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const w = random();
    return 1e-4 * (1 + depth) * w * w * (ofRow[Math.floor(i / cols)] ?? 1) * (ofCol[i % cols] ?? 1);
  });
}

function mask(s: Float64Array, rows: number, cols: number, pattern: Pattern): Uint8Array {
  const pruned = new Uint8Array(s.length);
  const group = pattern.kind === "nm" ? pattern.of : cols;
  const drop = pattern.kind === "nm" ? pattern.of - pattern.keep : Math.floor(pattern.share * cols);
  for (let start = 0; start < rows * cols; start += group) {
    const order = Array.from({ length: group }, (_, i) => start + i);
    order.sort((a, b) => (s[a] ?? 0) - (s[b] ?? 0));
    for (const i of order.slice(0, drop)) pruned[i] = 1;
  }
  return pruned;
}

function entropy(s: Float64Array, rows: number, cols: number): number {
  let total = 0;
  for (let r = 0; r < rows; r++) {
    const row = s.subarray(r * cols, (r + 1) * cols);
    const mass = sum(row);
    for (const v of row) if (v > 0) total -= (v / mass) * Math.log(v / mass);
  }
  return total;
}

function prunedMass(s: Float64Array, pruned: Uint8Array, rows: number, cols: number): number {
  let total = 0;
  for (let r = 0; r < rows; r++) {
    const row = s.subarray(r * cols, (r + 1) * cols);
    total += sum(row.map((v, c) => (pruned[r * cols + c] === 1 ? v : 0))) / sum(row);
  }
  return total / rows;
}

function overview(s: Float64Array, rows: number, cols: number, unit: Overview["unit"]): Overview {
  const [outRows, outCols] = [Math.min(rows, 256), Math.min(cols, 256)];
  const sums = new Float64Array(outRows * outCols);
  const counts = new Float64Array(outRows * outCols);
  for (let i = 0; i < s.length; i++) {
    const r = Math.floor((Math.floor(i / cols) * outRows) / rows);
    const cell = r * outCols + Math.floor(((i % cols) * outCols) / cols);
    sums[cell] = (sums[cell] ?? 0) + (s[i] ?? 0);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  const values = sums.map((v, i) => {
    const mean = v / (counts[i] ?? 1);
    return unit === "log10-importance" ? Math.log10(Math.max(mean, 1e-30)) : mean;
  });
  const min = values.reduce((a, b) => Math.min(a, b), Infinity);
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const scale = max > min ? 255 / (max - min) : 0;
  const bytes = Uint8Array.from(values, (v) => Math.round((v - min) * scale));
  const data = Buffer.from(bytes).toString("base64");
  return { rows: outRows, cols: outCols, unit, min, max, data };
}

function histogram(s: Float64Array, pruned: Uint8Array): Histogram {
  const bins = 48;
  const max = Math.log10(s.reduce((a, b) => Math.max(a, b), 0));
  const min = max - 8;
  const kept = new Array<number>(bins).fill(0);
  const dropped = new Array<number>(bins).fill(0);
  s.forEach((v, i) => {
    const at = Math.floor(((Math.log10(v) - min) / 8) * bins);
    const bin = Math.min(bins - 1, Math.max(0, at));
    const side = pruned[i] === 1 ? dropped : kept;
    side[bin] = (side[bin] ?? 0) + 1;
  });
  return { min, max, kept, pruned: dropped };
}

/** Standard normals by Box–Muller over a 32-bit linear congruential generator: the same report on every machine. */
function normals(seed: number): () => number {
  let state = seed * 2_654_435_761;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const v of values) total += v;
  return total;
}
