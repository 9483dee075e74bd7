/** What a run needs of the disk at its worst moment: beside the output, so that both together are what must be free. */
import type { Recipe } from "../report.ts";
import { matrixShape, ROLES, type LayerShape } from "../vocabulary.ts";
import { cellsFor } from "./matrixReport.ts";
import { scopes } from "./recipe.ts";
import type { Scored } from "./scored.ts";
import { TEST_TOKENS } from "./selfTest.ts";

export interface DiskUse {
  readonly shape: LayerShape;
  readonly layers: number;
  readonly recipe: Recipe;
  /** Of the whole output, and of what stands in it for layers: these wait in the work folder. */
  readonly outputBytes: number;
  readonly layerBytes: number;
  readonly scored: readonly Scored[];
}

/** A tokenizer, a config, headers. */
const SMALL_BYTES = 1e6;
/** Of a layer in a report, beside its pictures: histograms, curves, figures. */
const FIGURES_BYTES = 2e5;

/** Bytes beside the output. */
export function workDisk(use: DiskUse): number {
  const { shape, layers, recipe, outputBytes, layerBytes } = use;
  const { d } = shape;
  const stream = 4 * recipe.samples * recipe.seqLen * d;
  const calibrated = recipe.method !== "magnitude";
  const shared = recipe.rotation.kind === "every" || recipe.rotation.kind === "global";
  // Three of each matrix, in base64.
  const pictures = Math.ceil((4 / 3) * 3 * cellsOf(shape, cellsFor(layers)));
  const reports = layers * (pictures + FIGURES_BYTES);
  const heatmaps = heatmapBytes(use);
  const layerFiles =
    layerBytes +
    layers * 4 * (d ** 2 + shape.kvHeads * shape.headDim ** 2 + 3 * TEST_TOKENS * d) +
    reports +
    heatmaps;
  // The layers of a scope are looked at dense first: the stream that enters it stays.
  const streams = calibrated ? (shared || recipe.profile.kind === "owl" ? 3 : 2) * stream : 0;
  const metrics = shared && calibrated ? layers * 4 * 2 * d ** 2 : 0;
  // The report twice, as JSON and as a page; what the heatmaps are made of, copied.
  const committed = layerFiles + outputBytes + 2 * reports + heatmaps;
  // Tasks have theirs in the system's folder for temporary files.
  const texts = use.scored.filter(({ by }) => by === "perplexity");
  const scored = 2 * 4 * d * Math.max(0, ...texts.map(({ tokens }) => tokens));
  // The unrotated model is an output with its work, in this one's work folder.
  const baseline = use.scored.some((one) => one.baseline)
    ? Math.max(committed, layerFiles + streams, outputBytes + scored)
    : 0;
  const most = Math.max(
    metrics + streams,
    layerFiles + streams,
    committed + Math.max(scored, baseline),
  );
  return Math.max(0, most - outputBytes) + SMALL_BYTES;
}

/** Cells of one picture of each matrix: at most `most` a side, and no more than there are weights. */
const cellsOf = (shape: LayerShape, most: number): number =>
  ROLES.reduce((sum, role) => {
    const [rows, columns] = matrixShape(role, shape);
    return sum + Math.min(rows, most) * Math.min(columns, most);
  }, 0);

/** What heatmaps of single weights are computed from (`heatmapFile.ts`): R1 as float16, the rest as float32. */
function heatmapBytes({ shape, layers, recipe: { rotation } }: DiskUse): number {
  const { d, ffn, kvHeads, headDim } = shape;
  const rotations = rotation.kind === "none" ? 0 : scopes(rotation, layers).length;
  const ofLayer = 6 * d + 4 * ffn + kvHeads * headDim ** 2;
  return rotations * 2 * d ** 2 + layers * 4 * ofLayer;
}
