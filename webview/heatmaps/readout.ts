/** What lies under the cross-hair, in words. */
import { format, h } from "../charts/index.ts";
import { exactly, type Cursor, type Reading } from "../matrix/index.ts";
import { logOf } from "./plots.ts";

/** @param readings of the plots in their order: the importances, then the mask */
export function describeCursor(cursor: Cursor, readings: readonly (Reading | undefined)[]): Node[] {
  const importances = readings.slice(0, -1);
  const mask = readings.at(-1);
  const names = importances.length > 1 ? ["before", "after"] : ["importance"];
  return [
    h("strong", {}, `row ${format.count(cursor.row)}, column ${format.count(cursor.col)}`),
    ...(mask === undefined ? [] : maskWords(mask)),
    ...importances.flatMap((reading, i) =>
      reading === undefined ? [] : [h("span", {}, importanceWords(names[i] ?? "", reading))],
    ),
  ];
}

function importanceWords(name: string, reading: Reading): string {
  const { value, tile } = reading;
  const text =
    tile.kind === "overview"
      ? format.fromLog10(value)
      : value === 0
        ? "0"
        : format.fromLog10(logOf(value, tile));
  return isOne(reading) ? `${name} ${text}` : `${name}, mean of ${cellWords(reading)}: ${text}`;
}

function maskWords(reading: Reading): Node[] {
  const { value, tile } = reading;
  if (tile.kind === "written") {
    return value === 0
      ? [h("span", { class: "panel-pruned" }, "pruned, weight 0")]
      : [h("span", { class: "panel-kept" }, `kept, weight ${exactly(value)}`)];
  }
  if (isOne(reading)) return [h("span", {}, value < 0.5 ? "kept" : "pruned")];
  return [h("span", {}, `${format.percent(value, 0)} of ${cellWords(reading)} pruned`)];
}

const isOne = ({ rows, cols }: Reading): boolean =>
  rows[1] - rows[0] === 1 && cols[1] - cols[0] === 1;

const cellWords = ({ rows, cols }: Reading): string =>
  `${format.count(rows[1] - rows[0])} × ${format.count(cols[1] - cols[0])} weights`;
