/** What a page may ask of its host: for each method the parameters and the answer, tied by type. */
import * as z from "zod/mini";
import type { MatrixReport } from "../../daemon/report.ts";
import { type Pattern, ROLES } from "../../daemon/vocabulary.ts";
import {
  exactly,
  matrixReport,
  natural,
  number,
  pattern,
  type Schema,
  text,
} from "../schemas/report.ts";
import { runView, type RunView } from "./run.ts";

/** Half-open. */
export type Range = readonly [start: number, end: number];

/**
 * Values of a matrix of a run.
 *
 * | kind | one cell a weight | coarser |
 * |---|---|---|
 * | `before`, `after` | importance s, before and after rotation | mean importance of the cell |
 * | `written` | the weight as written, 0 where pruned | mean of w² |
 * | `zeros` | 255 pruned, 0 kept | share of zeros · 255 |
 */
export const MATRIX_TILE_KINDS = ["before", "after", "written", "zeros"] as const;
export type MatrixTileKind = (typeof MATRIX_TILE_KINDS)[number];

/** As the daemon's `TileParams`: `magnitude` is the weight itself where a cell is one, else the mean of w². */
export const TENSOR_TILE_KINDS = ["magnitude", "zeros"] as const;
export type TensorTileKind = (typeof TENSOR_TILE_KINDS)[number];

/** A part of a matrix as cells, row-major; row r of the part lies in cell row `floor(r · cellRows / rows of the part)`. */
export interface Tile {
  /** Of the whole matrix. */
  readonly shape: readonly [rows: number, cols: number];
  readonly rows: Range;
  readonly cols: Range;
  readonly cellRows: number;
  readonly cellCols: number;
  /** One cell is one weight. */
  readonly exact: boolean;
  readonly format: "f32" | "u8";
  /** base64 of the cells, little-endian. */
  readonly data: string;
}

export interface TensorView {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Index into {@link InspectionView.files}. */
  readonly file: number;
  /** First byte in that file. */
  readonly offset: number;
}

export interface InspectionView {
  readonly root: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly tensors: readonly TensorView[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly modelType: string | null;
  readonly notes: readonly string[];
}

export interface StatisticsView {
  readonly statistics: {
    readonly count: number;
    readonly zeros: number;
    readonly zerosFraction: number;
    readonly nan: number;
    readonly inf: number;
    readonly min: number | null;
    readonly max: number | null;
    readonly mean: number | null;
    readonly std: number | null;
    readonly pattern: Pattern | null;
  };
  /** Finite values other than 0; equal bins. */
  readonly histogram: {
    readonly min: number;
    readonly max: number;
    readonly counts: readonly number[];
  } | null;
}

const matrixId = { layer: natural, role: z.enum(ROLES) };
const range = z.tuple([natural, natural]);
const tensorName = z.string().check(z.maxLength(4096));

const tile = exactly<Tile>()(
  z.object({
    shape: z.tuple([natural, natural]),
    rows: range,
    cols: range,
    cellRows: natural,
    cellCols: natural,
    exact: z.boolean(),
    format: z.enum(["f32", "u8"]),
    data: text,
  }),
);

const inspection = exactly<InspectionView>()(
  z.object({
    root: text,
    files: z.array(z.object({ path: text, bytes: natural })),
    tensors: z.array(
      z.object({
        name: text,
        dtype: text,
        shape: z.array(natural),
        bytes: natural,
        file: natural,
        offset: natural,
      }),
    ),
    metadata: z.record(text, text),
    modelType: z.nullable(text),
    notes: z.array(text),
  }),
);

const finite = z.nullable(number);
const statistics = exactly<StatisticsView>()(
  z.object({
    statistics: z.object({
      count: natural,
      zeros: natural,
      zerosFraction: number,
      nan: natural,
      inf: natural,
      min: finite,
      max: finite,
      mean: finite,
      std: finite,
      pattern: z.nullable(pattern),
    }),
    histogram: z.nullable(z.object({ min: number, max: number, counts: z.array(natural) })),
  }),
);

const none = z.object({});

interface Results {
  readonly run: RunView;
  readonly matrix: MatrixReport;
  readonly matrixTile: Tile;
  readonly inspect: InspectionView;
  readonly statistics: StatisticsView;
  readonly tensorTile: Tile;
}

const PARAMS = {
  /** Of the run the panel shows. */
  run: none,
  matrix: z.object(matrixId),
  matrixTile: z.object({
    ...matrixId,
    kind: z.enum(MATRIX_TILE_KINDS),
    rows: range,
    cols: range,
  }),
  /** Of the checkpoint the editor shows. */
  inspect: none,
  statistics: z.object({ tensor: tensorName }),
  tensorTile: z.object({
    tensor: tensorName,
    kind: z.enum(TENSOR_TILE_KINDS),
    rows: range,
    cols: range,
  }),
} as const;

const RESULTS: { readonly [M in keyof Results]: Schema<Results[M]> } = {
  run: runView,
  matrix: matrixReport,
  matrixTile: tile,
  inspect: inspection,
  statistics,
  tensorTile: tile,
};

/** Schemas of parameters and answers by method. */
export const METHODS = { params: PARAMS, results: RESULTS } as const;

export type MethodName = keyof Results;
export type Params<M extends MethodName> = z.output<(typeof PARAMS)[M]>;
export type Result<M extends MethodName> = Results[M];

/** The same for the same request, whatever the order of its parameters. */
export function requestKey<M extends MethodName>(method: M, params: Params<M>): string {
  return JSON.stringify([method, Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
