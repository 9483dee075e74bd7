/** Progress drawn in one line of text. */
import type { Style } from "./style.ts";

/** `━━━━━━╌╌╌╌`: `columns` wide, `fraction` (0…1) of it done. */
export function bar(fraction: number, columns: number, style: Style): string {
  const done = Math.round(Math.min(1, Math.max(0, fraction)) * columns);
  return style.cyan("━".repeat(done)) + style.dim("╌".repeat(columns - done));
}

const EIGHTHS = " ▏▎▍▌▋▊▉█";

/** A bar of a chart: `fraction` of `columns`, to an eighth of a column, and at least that where it is not 0. */
export function filled(fraction: number, columns: number): string {
  const eighths = Math.ceil(Math.min(1, Math.max(0, fraction)) * columns * 8);
  const rest = eighths % 8;
  return "█".repeat(Math.floor(eighths / 8)) + (rest === 0 ? "" : (EIGHTHS[rest] ?? ""));
}

const LEVELS = "▁▂▃▄▅▆▇█";

/** The course of `values` in at most `columns` characters; each is the mean of its share of them. */
export function sparkline(values: readonly number[], columns: number): string {
  if (values.length === 0) return "";
  const cells = Math.min(columns, values.length);
  const means = Array.from({ length: cells }, (_, i) => {
    const from = Math.floor((i * values.length) / cells);
    const share = values.slice(from, Math.floor(((i + 1) * values.length) / cells));
    return share.reduce((sum, value) => sum + value, 0) / share.length;
  });
  const low = Math.min(...means);
  const range = Math.max(...means) - low;
  return means
    .map((mean) => LEVELS[range > 0 ? Math.round(((mean - low) / range) * (LEVELS.length - 1)) : 0])
    .join("");
}
