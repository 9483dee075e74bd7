/** The one table of the demonstration. */
import type { ComparisonReport } from "../../report.ts";
import { patternName } from "../../vocabulary.ts";
import { METHOD_NAMES } from "../prune/words.ts";
import { duration, significant } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { table } from "../terminal/table.ts";

export function comparisonTable({ dense, rows }: ComparisonReport, style: Style): string[] {
  return table(
    [
      { title: "  method" },
      { title: "pattern" },
      { title: "dense", align: "right" },
      { title: "pruned", align: "right" },
      { title: "rotated + pruned", align: "right" },
      { title: "time", align: "right" },
      { title: "time rotated", align: "right" },
    ],
    rows.flatMap((row, i) => [
      ...(i > 0 && patternName(row.pattern) !== patternName(rows[i - 1]?.pattern ?? row.pattern)
        ? [null]
        : []),
      [
        `  ${METHOD_NAMES[row.method]}`,
        patternName(row.pattern),
        style.dim(significant(dense.perplexity)),
        significant(row.pruned),
        style.bold((row.rotated < row.pruned ? style.green : style.red)(significant(row.rotated))),
        style.dim(duration(row.secondsPruned)),
        style.dim(duration(row.secondsRotated)),
      ],
    ]),
    style.dim,
  );
}
