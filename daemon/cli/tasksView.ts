/** Accuracies for people and for programs. */
import type { EvaluateTasksResult } from "../pipeline/index.ts";
import type { TaskReport } from "../report.ts";
import type { Fact } from "./terminal/facts.ts";
import { duration, integer } from "./terminal/numbers.ts";
import type { Style } from "./terminal/style.ts";
import { table } from "./terminal/table.ts";
import { printable } from "./terminal/text.ts";

type Figure = NonNullable<EvaluateTasksResult["tasks"][number]["figures"]["acc"]>;

/** `0.7824 ± 0.0096`: four decimals, as the harness prints them. */
const figureText = (figure: Figure | undefined): string => {
  if (figure === undefined) return "";
  const { value, stderr } = figure;
  return `${value.toFixed(4)}${stderr === null ? "" : ` ± ${stderr.toFixed(4)}`}`;
};

export const taskTable = ({ tasks }: EvaluateTasksResult, style: Style): readonly string[] =>
  table(
    [
      { title: "  task" },
      { title: "items", align: "right" },
      { title: "acc" },
      { title: "acc_norm" },
    ],
    tasks.map(({ task, items, figures }) => [
      `  ${task}`,
      integer(items),
      style.bold(figureText(figures.acc)),
      figureText(figures.acc_norm),
    ]),
    style.dim,
  );

/** Every task for every model that a run compares: the metric that the field reports, `acc_norm` where there is one. */
export function comparedTasks({ harness, rows }: TaskReport, style: Style): string[] {
  const tasks = [...new Set(rows.map((row) => row.task))];
  const labels = [...new Set(rows.map((row) => row.label))];
  const found = (task: string, label: string) =>
    rows.find((row) => row.task === task && row.label === label);
  const metricOf = (task: string) =>
    rows.some((row) => row.task === task && "acc_norm" in row.figures) ? "acc_norm" : "acc";
  return [
    ...table(
      [
        { title: "  task" },
        { title: "items", align: "right" },
        { title: "metric" },
        ...labels.map((title) => ({ title })),
      ],
      tasks.map((task) => [
        `  ${task}`,
        integer(rows.find((row) => row.task === task)?.items ?? 0),
        metricOf(task),
        ...labels.map((label) => figureText(found(task, label)?.figures[metricOf(task)])),
      ]),
      style.dim,
    ),
    style.dim(`  ${harness}, zero-shot; ± standard error of the mean`),
    "",
  ];
}

export const taskFacts = (result: EvaluateTasksResult): readonly Fact[] => [
  ["semantics", `${result.harness}, zero-shot; ± standard error of the mean`],
  [
    "requests",
    `${integer(result.requests)}, at most ${integer(result.model.maxLength)} tokens each` +
      (result.truncated > 0 ? `; ${integer(result.truncated)} cut at the beginning` : ""),
  ],
  ...result.tasks.flatMap(({ task, files }) =>
    files.map(({ path, sha256 }): Fact => [task, printable(`${path}, sha256 ${sha256}`)]),
  ),
  ["time", duration(result.seconds)],
];

/** Figures by the harness's names, `acc` and `acc_stderr`; the samples go to a file of their own. */
export function taskJson(result: EvaluateTasksResult): object {
  const { harness, fewShot, tasks, model, tokenizer, requests, truncated, device, seconds } =
    result;
  const results = tasks.map(({ task, version, items, figures, files }): [string, object] => {
    const named = Object.entries(figures).flatMap(([metric, { value, stderr }]) => [
      [metric, value] as const,
      [`${metric}_stderr`, stderr] as const,
    ]);
    return [task, { version, items, ...Object.fromEntries(named), files }];
  });
  const about = { harness, fewShot, model, tokenizer, requests, truncated, device, seconds };
  return { results: Object.fromEntries(results), ...about };
}
