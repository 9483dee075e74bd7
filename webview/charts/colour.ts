/**
 * Colours that carry data. They are the same in every theme, so that a colour means one number wherever it is seen:
 * viridis for magnitudes (perceptually uniform, readable for colour-blind people), purple–orange for signed changes,
 * ink on paper for masks. Everything else takes its colour from the style sheet.
 */
import { interpolateViridis, interpolatePuOr, interpolateRgb, lab, rgb } from "d3";

/** 0…1 to a CSS colour. */
export type Ramp = (t: number) => string;

export const sequential: Ramp = interpolateViridis;

/** 0 orange (less) … 0.5 neutral … 1 purple (more). The ends are cut: beyond them text is unreadable on either hue. */
export const diverging: Ramp = (t) => interpolatePuOr(0.06 + 0.88 * t);

/** 0 kept (ink) … 1 pruned (paper); charts.css has the same two for the legend. */
export const mask: Ramp = interpolateRgb("#1d3557", "#f3efe6");

export interface ColourScale {
  readonly domain: readonly [number, number];
  readonly ramp: Ramp;
}

/** Colour of a value; values outside the domain take the colour of its nearer end. */
export function colourOf(scale: ColourScale, value: number): string {
  const [low, high] = scale.domain;
  const t = high > low ? (value - low) / (high - low) : 0.5;
  return scale.ramp(Math.min(1, Math.max(0, t)));
}

/** A domain symmetric about zero, so that the neutral colour means "no change". */
export function symmetricDomain(values: readonly number[]): readonly [number, number] {
  const reach = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return reach > 0 ? [-reach, reach] : [-1, 1];
}

/** From zero to the largest value. */
export function zeroDomain(values: readonly number[]): readonly [number, number] {
  const top = values.reduce((m, v) => Math.max(m, v), 0);
  return [0, top > 0 ? top : 1];
}

/** Black or white, whichever reads better on `background`: their contrasts are equal, 4.6, at L* = 49.5. */
export function inkOn(background: string): "#000000" | "#ffffff" {
  return lab(background).l > 49.5 ? "#000000" : "#ffffff";
}

/** `ramp` at 256 steps as RGBA bytes, for filling pixels. */
export function rampTable(ramp: Ramp): Uint8ClampedArray<ArrayBuffer> {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const { r, g, b } = rgb(ramp(i / 255));
    table.set([r, g, b, 255], i * 4);
  }
  return table;
}
