/** One plot on its canvas: overview, finer tiles above it, and near the weights their groups and values. */
import { colourOf, inkOn } from "../charts/index.ts";
import type { Range } from "../messages.ts";
import type { TileAddress } from "./levels.ts";
import { pictureOf } from "./picture.ts";
import type { PlotSource } from "./source.ts";
import { cellOf, type DecodedTile } from "./tile.ts";
import { VALUE_SCALE, type Size, type Viewport } from "./viewport.ts";

export interface Scene<Kind extends string> {
  readonly view: Viewport;
  readonly size: Size;
  readonly part: { readonly rows: Range; readonly cols: Range };
  /** Tiles to draw over the overview, coarse ones first. */
  readonly tiles: readonly { readonly address: TileAddress; readonly tile: DecodedTile }[];
  readonly source: PlotSource<Kind>;
  /** Draw a line every so many columns; 0 for none. */
  readonly group: number;
  readonly font: string;
}

/** Pixels of a weight from which lines between weights help rather than clutter. */
const LINES_FROM = 9;
const GROUP_LINES_FROM = 4;

export function drawScene<Kind extends string>(
  context: CanvasRenderingContext2D,
  scene: Scene<Kind>,
): void {
  const { size, source } = scene;
  context.clearRect(0, 0, size.width, size.height);
  context.imageSmoothingEnabled = false;
  if (source.overview !== null) drawTile(context, scene, source.overview);
  for (const { tile } of scene.tiles) drawTile(context, scene, tile);
  drawLines(context, scene);
  if (scene.view.scaleX >= VALUE_SCALE && scene.view.scaleY >= VALUE_SCALE / 3) {
    for (const { tile } of scene.tiles)
      if (tile.exact && tile.kind === source.kindAt(0)) drawValues(context, scene, tile);
  }
}

function drawTile<Kind extends string>(
  context: CanvasRenderingContext2D,
  { view, source }: Scene<Kind>,
  tile: DecodedTile,
): void {
  const scale = source.scale(tile.exact);
  const picture = pictureOf(tile, scale, (value) => source.onScale(value, tile));
  // Whole pixels, so that no seam shows between neighbours.
  const x0 = Math.round((tile.cols[0] - view.col) * view.scaleX);
  const x1 = Math.round((tile.cols[1] - view.col) * view.scaleX);
  const y0 = Math.round((tile.rows[0] - view.row) * view.scaleY);
  const y1 = Math.round((tile.rows[1] - view.row) * view.scaleY);
  // Many cells a pixel: an average looks like the matrix, every n-th cell does not.
  const shrinks = x1 - x0 < tile.cellCols || y1 - y0 < tile.cellRows;
  context.imageSmoothingEnabled = shrinks;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
}

function drawLines<Kind extends string>(
  context: CanvasRenderingContext2D,
  { view, size, part, group }: Scene<Kind>,
): void {
  const vertical = (every: number, style: string, width: number): void => {
    context.beginPath();
    for (let c = Math.ceil(part.cols[0] / every) * every; c <= part.cols[1]; c += every) {
      const x = Math.round((c - view.col) * view.scaleX);
      context.moveTo(x, 0);
      context.lineTo(x, size.height);
    }
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  };
  const fine = "rgba(127, 127, 127, 0.55)";
  if (view.scaleX >= LINES_FROM) vertical(1, fine, 1);
  if (view.scaleY >= LINES_FROM) {
    context.beginPath();
    for (let r = part.rows[0]; r <= part.rows[1]; r++) {
      const y = Math.round((r - view.row) * view.scaleY);
      context.moveTo(0, y);
      context.lineTo(size.width, y);
    }
    context.lineWidth = 1;
    context.strokeStyle = fine;
    context.stroke();
  }
  if (group > 1 && view.scaleX >= GROUP_LINES_FROM) {
    // Light within dark: seen on both ends of every ramp.
    vertical(group, "rgba(0, 0, 0, 0.75)", view.scaleX >= LINES_FROM ? 4 : 2);
    vertical(group, "rgba(255, 255, 255, 0.95)", view.scaleX >= LINES_FROM ? 2 : 1);
  }
}

function drawValues<Kind extends string>(
  context: CanvasRenderingContext2D,
  { view, part, source, font }: Scene<Kind>,
  tile: DecodedTile,
): void {
  const scale = source.scale(true);
  context.font = font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const first = Math.max(part.rows[0], tile.rows[0]);
  const last = Math.min(part.rows[1], tile.rows[1]);
  for (let row = first; row < last; row++) {
    const end = Math.min(part.cols[1], tile.cols[1]);
    for (let col = Math.max(part.cols[0], tile.cols[0]); col < end; col++) {
      const value = tile.values[cellOf(tile, row, col)?.index ?? -1];
      if (value === undefined) continue;
      const text = source.short(value, tile);
      if (text === "") continue;
      context.fillStyle = inkOn(colourOf(scale, source.onScale(value, tile)));
      context.fillText(
        text,
        (col + 0.5 - view.col) * view.scaleX,
        (row + 0.5 - view.row) * view.scaleY,
        view.scaleX - 6,
      );
    }
  }
}
