/** The command line without a process: streams that remember, a clock that stands, an engine that obeys. */
import { Writable } from "node:stream";
import type { Engine, Io, Output } from "../../daemon/cli/index.ts";
import type { EvaluateResult, Plan, PruneResult, RunEvent } from "../../daemon/pipeline/index.ts";
import type { LayerReport, MatrixReport, Recipe, RunReport } from "../../daemon/report.ts";
import { ROLES } from "../../daemon/vocabulary.ts";

export interface FakeIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
  readonly exits: readonly number[];
  interrupt(): void;
  advance(seconds: number): void;
}

export function fakeIo(
  terminal: { columns: number; rows: number } | null = null,
  env: Io["env"] = {},
): FakeIo {
  const stdout = memory(terminal);
  const stderr = memory(terminal);
  const listeners = new Set<() => void>();
  const exits: number[] = [];
  let milliseconds = 0;
  return {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
    program: "denoise-rotator",
    now: () => milliseconds,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watchdog: () => ({ told: () => undefined, stop: () => undefined }),
    exit: (code) => exits.push(code),
    out: stdout.text,
    err: stderr.text,
    exits,
    interrupt() {
      for (const listener of listeners) listener();
    },
    advance(seconds) {
      milliseconds += seconds * 1000;
    },
  };
}

function memory(terminal: { columns: number; rows: number } | null): {
  stream: Output;
  text: () => string;
} {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: terminal !== null, ...terminal }),
    text: () => chunks.join(""),
  };
}

const unused = () => Promise.reject(new Error("the test did not expect this call"));

export const fakeEngine = (parts: Partial<Engine>): Engine => ({
  prune: unused,
  planPrune: unused,
  evaluate: unused,
  evaluateTasks: unused,
  listDevices: unused,
  download: unused,
  fetchInputs: (inputs) => Promise.resolve(inputs),
  renderComparison: unused,
  ...parts,
});

export const RECIPE: Recipe = {
  method: "wanda",
  pattern: { kind: "nm", keep: 2, of: 4 },
  profile: { kind: "uniform" },
  rotation: { kind: "layer" },
  objective: "pruned-mass",
  steps: 4,
  regroup: true,
  learningRate: 0.1,
  damping: 0.01,
  blockSize: 128,
  samples: 8,
  seqLen: 64,
  sampling: "random",
  seed: 3,
  dtype: "keep",
};

export const PLAN: Plan = {
  checkpoint: "/models/tiny",
  output: "/models/tiny-2-4",
  work: "/models/.denoise-rotator/tiny-2-4",
  modelType: "llama",
  layers: 2,
  parameters: 260_032,
  recipe: RECIPE,
  tensors: [0, 1].flatMap((layer) => [
    {
      name: `model.layers.${layer}.mlp.up_proj.weight`,
      dtype: "BF16",
      shape: [172, 64],
      fate: "pruned" as const,
      zeros: 5504,
    },
    {
      name: `model.layers.${layer}.input_layernorm.weight`,
      dtype: "BF16",
      shape: [64],
      fate: "folded" as const,
      zeros: 0,
    },
  ]),
  files: ["model.safetensors"],
  ownMemory: false,
  deviceMemory: 1_500_000,
  largestTensor: 4096,
  hostMemory: 250_000_000,
  workDisk: 9_700_000,
  outputDisk: 1_240_000,
  freeDisk: 78e9,
  flops: 1e9,
  seconds: 100,
  shortages: [],
  notes: ["The output is a dense file with zeros."],
};

const OVERVIEW = {
  rows: 1,
  cols: 1,
  unit: "pruned-fraction",
  min: 0,
  max: 1,
  data: "AA==",
} as const;
const HISTOGRAM = { min: 0, max: 1, kept: [1], pruned: [1] };

const matrix = (): MatrixReport => ({
  shape: [8, 16],
  zeros: 64,
  sparsity: 0.5,
  entropy: { before: 50, after: 40 },
  prunedMass: { before: 0.25, after: 0.0625 },
  overview: { before: OVERVIEW, after: OVERVIEW, mask: OVERVIEW },
  histogram: { before: HISTOGRAM, after: HISTOGRAM },
});

export const layer = (index: number): LayerReport => ({
  index,
  entropy: { before: 2796, after: 2108 },
  prunedMass: { before: 0.1254, after: 0.034 },
  matrices: Object.fromEntries(ROLES.map((role) => [role, matrix()])) as LayerReport["matrices"],
  curve: [],
});

const row = { tokens: 12_750, windows: 50, seqLen: 256, textSha256: "abcdef0123456789".repeat(4) };

export const REPORT: RunReport = {
  schema: "denoise-rotator/report@1",
  version: "0.0.0",
  source: { name: "tiny", modelType: "llama", layers: 2, parameters: 260_032, fingerprint: "f" },
  device: "wasm",
  recipe: RECIPE,
  calibration: { files: [{ name: "c.txt", sha256: "s", bytes: 9 }], tokens: 512 },
  layers: [layer(0), layer(1)],
  ratios: null,
  total: {
    prunable: 1792,
    zeros: 896,
    sparsity: 0.5,
    bytes: 1_240_000,
    boundaryParameters: 4096,
    packedBytes: 900_000,
  },
  perplexity: [
    { label: "dense", perplexity: 4, ...row },
    { label: "pruned", perplexity: 40, ...row },
    { label: "rotated + pruned", perplexity: 10, ...row },
  ],
  selfTest: {
    maxAbsDifference: 2.1e-6,
    maxAbsLogit: 12,
    tolerance: 1e-4,
    reopened: { tensors: 40, zeros: 896, maxAbsDifference: 1e-6, tolerance: 2e-3 },
  },
  fallbacks: [{ layer: 1, role: "down", what: "damping raised from 0.01 to 0.1" }],
};

export const RESULT: PruneResult = {
  output: "/models/tiny-2-4",
  report: REPORT,
  seconds: { embed: 0.5, rotate: 100, commit: 2 },
};

export const EVALUATED: EvaluateResult = {
  perplexity: 4.1071,
  tokens: 12_750,
  windows: 50,
  seqLen: 256,
  textSha256: "ab".repeat(32),
  device: "wasm with OpenBLAS",
  seconds: 3.25,
};

/** A whole run in brief. */
export const EVENTS: readonly RunEvent[] = [
  { type: "device", description: "wasm with OpenBLAS", reason: "no webgpu" },
  { type: "plan", plan: PLAN },
  { type: "progress", stage: "embed", layer: null, layers: 2, fraction: 0 },
  { type: "progress", stage: "collect", layer: 0, layers: 2, fraction: 0.1 },
  { type: "progress", stage: "rotate", layer: 0, layers: 2, fraction: 0.2 },
  { type: "step", layers: [0, 0], step: 1, steps: 4, objective: "entropy", loss: 2700 },
  { type: "step", layers: [0, 0], step: 2, steps: 4, objective: "pruned-mass", loss: 40 },
  { type: "step", layers: [0, 0], step: 3, steps: 4, objective: "pruned-mass", loss: 30 },
  { type: "step", layers: [0, 0], step: 4, steps: 4, objective: "pruned-mass", loss: 20.57 },
  { type: "progress", stage: "prune", layer: 0, layers: 2, fraction: 0.4 },
  { type: "progress", stage: "prune", layer: 0, layers: 2, fraction: 0.45 },
  {
    type: "fallback",
    fallback: { layer: 0, role: "down", what: "damping raised from 0.01 to 0.1" },
  },
  { type: "layer", report: layer(0) },
  { type: "progress", stage: "commit", layer: null, layers: 2, fraction: 0.9 },
];

// eslint-disable-next-line no-control-regex -- what a pipe must not see
export const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
