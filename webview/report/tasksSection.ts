/** Zero-shot accuracy: every task for the models that the run compares. */
import type { RunReport, TaskReport, TaskRow } from "../../daemon/report.ts";
import { dataTable, format, h, type Column } from "../charts/index.ts";
import { paragraph, section } from "../controls/index.ts";

/** Nothing where no tasks were asked for. */
export function tasksSection({ tasks }: RunReport): HTMLElement[] {
  if (tasks === undefined || tasks.rows.length === 0) return [];
  const table = h("div", {});
  const rows = tasksTable(tasks);
  const labels = [...new Set(tasks.rows.map((row) => row.label))];
  const columns: Column<Line>[] = [
    { label: "task", value: (line) => line.task },
    { label: "items", value: (line) => line.items, format: (line) => format.count(line.items) },
    { label: "metric", value: (line) => line.metric },
    ...labels.map((label): Column<Line> => ({
      label,
      value: (line) => line.figures[label]?.value ?? Number.NaN,
      format: (line) => figureText(line.figures[label]),
    })),
  ];
  dataTable(table, { columns, rows }, { caption: "Zero-shot accuracy", sortable: false });
  return [
    section(
      2,
      "Zero-shot accuracy",
      table,
      paragraph(
        `${tasks.harness}, zero-shot. Share of the items answered right, ± the standard error of that share: two figures ` +
          "that differ by less than about twice their errors cannot be told apart.",
        "dr-note",
      ),
    ),
  ];
}

type Figure = TaskRow["figures"][string];

interface Line {
  readonly task: string;
  readonly items: number;
  readonly metric: string;
  readonly figures: Readonly<Partial<Record<string, Figure>>>;
}

/** The metric that the field reports: `acc_norm` where the task has it. */
function tasksTable({ rows }: TaskReport): Line[] {
  return [...new Set(rows.map((row) => row.task))].map((task) => {
    const own = rows.filter((row) => row.task === task);
    const metric = own.some((row) => "acc_norm" in row.figures) ? "acc_norm" : "acc";
    const figures = Object.fromEntries(own.map((row) => [row.label, row.figures[metric]]));
    return { task, items: own[0]?.items ?? 0, metric, figures };
  });
}

function figureText(figure: Figure | undefined): string {
  if (figure === undefined) return "";
  const share = (x: number): string => (100 * x).toFixed(1);
  const { value, stderr } = figure;
  return `${share(value)} %${stderr === null ? "" : ` ± ${share(stderr)}`}`;
}
