/** Looking into checkpoints: tensors from headers, statistics and pictures of one tensor by byte ranges. */
import type { DType, TensorStatistics } from "../checkpoint/index.ts";
import { requestType, type WorkDone } from "./message.ts";

export interface InspectParams extends WorkDone {
  /** Hugging Face folder, its `config.json`, a `.safetensors` file or its index; any model. */
  readonly checkpoint: string;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Index into {@link Inspection.files}. */
  readonly file: number;
  /** First byte in that file. */
  readonly offset: number;
}

export interface Inspection {
  readonly root: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
  /** `model_type` of config.json; null where there is none. */
  readonly modelType: string | null;
  /** Oddities that did not stop it from being opened, for people. */
  readonly notes: readonly string[];
}
/** Reads headers only, whatever the size of the checkpoint. */
export const INSPECT = requestType<InspectParams, Inspection>("checkpoint/inspect");

export interface StatisticsParams extends WorkDone {
  readonly checkpoint: string;
  readonly tensor: string;
}

export interface ValueHistogram {
  /** Left edge of the first and right edge of the last bin; equal bins between. */
  readonly min: number;
  readonly max: number;
  /** Finite values other than 0, so that the zeros of a pruned tensor do not dwarf the rest. */
  readonly counts: readonly number[];
}

export interface Statistics {
  readonly statistics: TensorStatistics;
  /** Null for integer types, and where every value is 0 or not finite. */
  readonly histogram: ValueHistogram | null;
}
/** Reads the whole tensor, piece by piece. */
export const STATISTICS = requestType<StatisticsParams, Statistics>("checkpoint/statistics");

/** Most cells of a tile along one side. */
export const TILE_CELLS = 256;

/** Half-open. */
export type IndexRange = readonly [start: number, end: number];

export interface TileParams {
  /** The checkpoint to read; or a job, for the tensors it has written so far. */
  readonly source: { readonly checkpoint: string } | { readonly job: string };
  readonly tensor: string;
  readonly kind: "magnitude" | "zeros";
  /**
   * Part of the matrix; the whole by default. A tensor that is no matrix is seen as one: all dimensions but the last
   * are its rows.
   */
  readonly rows?: IndexRange;
  readonly cols?: IndexRange;
}

/**
 * A part of a matrix as at most 256 × 256 cells, row-major. Row r of the part lies in cell row
 * `floor(r · cellRows / rowsOfPart)`, columns likewise.
 *
 * | kind | `exact: true`, one cell a weight | `exact: false` |
 * |---|---|---|
 * | `magnitude` | the weight w, float32 | mean of w² over the cell, float32 |
 * | `zeros` | 255 where w = 0, else 0, uint8 | share of zeros · 255, rounded, uint8 |
 */
export interface Tile {
  /** Of the whole matrix. */
  readonly shape: readonly [rows: number, cols: number];
  readonly rows: IndexRange;
  readonly cols: IndexRange;
  readonly cellRows: number;
  readonly cellCols: number;
  readonly exact: boolean;
  readonly format: "f32" | "u8";
  /** base64 of the cells, little-endian. */
  readonly data: string;
}
/** Float tensors only. Reads the rows of the part, nothing else; a small part of a small matrix takes milliseconds. */
export const TILE = requestType<TileParams, Tile>("checkpoint/tile");
