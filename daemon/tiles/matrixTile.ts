/** A part of a pruned matrix by its place in the model: importance before and after, and what was written. */
import { existsSync } from "node:fs";
import { TILE_CELLS, type IndexRange, type Tile } from "../protocol/checkpoints.ts";
import type { MatrixTileParams } from "../protocol/jobs.ts";
import { INPUT_OF, matrixShape } from "../vocabulary.ts";
import type { Block } from "./block.ts";
import { noDense, tooLarge } from "./errors.ts";
import { withHeatmapLayer, type HeatmapLayer } from "./heatmapLayer.ts";
import { foldedBlock, importanceOf, rotatedBlock } from "./importance.ts";
import { rangeOf } from "./matrix.ts";
import type { OpenCheckpoints } from "./openCheckpoints.ts";
import { encodedTile, readTile } from "./tile.ts";

/** Where the parts of a run lie. */
export interface LayerFiles {
  /** `heatmaps/layer-*.safetensors` of the layer. */
  readonly heatmap: string;
  /** The checkpoint that holds the written weights. */
  readonly written: string;
  /** The dense checkpoint as the job names it; null without a job. */
  readonly dense: string | null;
}

type Asked = Omit<MatrixTileParams, "source">;

/**
 * @throws tiles/too-large, tiles/no-dense, tiles/bad-range, tiles/bad-heatmap, tiles/cancelled, and those of reading
 */
export function readMatrixTile(
  checkpoints: OpenCheckpoints,
  files: LayerFiles,
  asked: Asked,
  signal: AbortSignal,
): Promise<Tile> {
  return withHeatmapLayer(checkpoints, files.heatmap, (layer) => {
    const { role, kind } = asked;
    const [height, width] = matrixShape(role, layer.shape);
    const rows = rangeOf(asked.rows, height, `${role} of layer ${asked.layer}`, "rows");
    const cols = rangeOf(asked.cols, width, `${role} of layer ${asked.layer}`, "columns");
    if (kind === "written" || kind === "zeros") {
      const { name, rowStart } = layer.places[role];
      const place: IndexRange = [rows[0] + rowStart, rows[1] + rowStart];
      const stored = kind === "zeros" ? kind : ("magnitude" as const);
      return checkpoints.with(files.written, async (written) => ({
        ...(await readTile(written, { tensor: name, kind: stored, rows: place, cols }, signal)),
        shape: [height, width] as const,
        rows,
      }));
    }
    const dense = densePlace(files, layer);
    const part = { rows, cols, shape: [height, width] as const };
    return checkpoints.with(dense, async (opened) => {
      if (rows[1] - rows[0] > TILE_CELLS || cols[1] - cols[0] > TILE_CELLS) throw tooLarge();
      const turned = kind === "after" && layer.rotated;
      const block = await (turned ? rotatedBlock : foldedBlock)(
        opened,
        layer,
        role,
        rows,
        cols,
        signal,
      );
      return importanceTile(block, layer, asked, part);
    });
  });
}

/** As the job was asked, or as the run wrote it down: the output of a command line has no job. */
function densePlace(files: LayerFiles, layer: HeatmapLayer): string {
  const places = [...(files.dense === null ? [] : [files.dense]), ...layer.densePlaces];
  const there = places.find((place) => existsSync(place));
  if (there === undefined) throw noDense([...new Set(places)]);
  return there;
}

async function importanceTile(
  block: Block,
  layer: HeatmapLayer,
  { role, kind }: Asked,
  { rows, cols, shape }: Pick<Tile, "rows" | "cols" | "shape">,
): Promise<Tile> {
  const side = kind === "after" ? "after" : "before";
  importanceOf(block, await layer.vector(`${side}.${INPUT_OF[role]}`), cols[0]);
  const cells = { cellRows: block.rows, cellCols: block.cols };
  return { shape, rows, cols, ...cells, exact: true, ...encodedTile("f32", block.values) };
}
