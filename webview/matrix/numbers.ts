/** Numbers as they are written into cells and read-outs of heatmaps. */

const MINUS = "\u2212";

/** For a cell about 50 pixels wide: `0.13`, `−4.1e−5`. */
export function inCell(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text =
    size >= 0.01 && size < 1000 ? String(Number(value.toPrecision(2))) : value.toExponential(1);
  return text.replaceAll("-", MINUS).replace("e+", "e");
}

/** As exact as float32 is: `−0.0412349`. */
export function exactly(value: number): string {
  return String(Number(value.toPrecision(7))).replaceAll("-", MINUS);
}
