/** Entropy and pruned mass before and after rotation as columns of a table, whether its rows are layers or matrices. */
import type { BeforeAfter } from "../../daemon/report.ts";
import { type Column, format } from "../charts/index.ts";

interface Figures {
  readonly entropy: BeforeAfter;
  readonly prunedMass: BeforeAfter;
}

const column = (
  label: string,
  value: (row: Figures) => number,
  write: (value: number) => string,
): Column<Figures> => ({ label, value, format: (row) => write(value(row)) });

export const BEFORE_AFTER_COLUMNS: readonly Column<Figures>[] = [
  column("entropy before", (r) => r.entropy.before, format.figure),
  column("entropy after", (r) => r.entropy.after, format.figure),
  column(
    "pruned mass before",
    (r) => r.prunedMass.before,
    (v) => format.percent(v),
  ),
  column(
    "pruned mass after",
    (r) => r.prunedMass.after,
    (v) => format.percent(v),
  ),
];
