/** Tiles as pictures, one pixel a cell, coloured once for each scale. */
import { rampTable, type ColourScale } from "../charts/index.ts";
import type { DecodedTile } from "./tile.ts";

interface Painted {
  readonly ramp: ColourScale["ramp"];
  readonly low: number;
  readonly high: number;
  readonly canvas: HTMLCanvasElement;
}

const tables = new Map<ColourScale["ramp"], Uint8ClampedArray>();
const painted = new WeakMap<DecodedTile, Painted>();

/** @param onScale where a value lies on `scale`; what is not finite takes the colour of the lower end */
export function pictureOf(
  tile: DecodedTile,
  scale: ColourScale,
  onScale: (value: number) => number,
): HTMLCanvasElement {
  const [low, high] = scale.domain;
  const known = painted.get(tile);
  if (known?.ramp === scale.ramp && known.low === low && known.high === high) return known.canvas;
  const canvas = known?.canvas ?? document.createElement("canvas");
  canvas.width = tile.cellCols;
  canvas.height = tile.cellRows;
  const context = canvas.getContext("2d");
  if (context !== null) {
    const image = context.createImageData(tile.cellCols, tile.cellRows);
    colour(image.data, tile.values, scale, onScale);
    context.putImageData(image, 0, 0);
  }
  painted.set(tile, { ramp: scale.ramp, low, high, canvas });
  return canvas;
}

function colour(
  pixels: Uint8ClampedArray,
  values: Float32Array,
  { ramp, domain: [low, high] }: ColourScale,
  onScale: (value: number) => number,
): void {
  let table = tables.get(ramp);
  if (table === undefined) {
    table = rampTable(ramp);
    tables.set(ramp, table);
  }
  const perUnit = 255 / (high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const t = (onScale(values[i] ?? 0) - low) * perUnit;
    const at = (t > 255 ? 255 : t > 0 ? Math.round(t) : 0) * 4;
    pixels[i * 4] = table[at] ?? 0;
    pixels[i * 4 + 1] = table[at + 1] ?? 0;
    pixels[i * 4 + 2] = table[at + 2] ?? 0;
    pixels[i * 4 + 3] = 255;
  }
}
