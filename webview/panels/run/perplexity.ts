/** What came out: perplexities, as far as they were asked for. */
import type { PerplexityRow } from "../../../daemon/report.ts";
import { type Column, dataTable, format, h, perplexityChart } from "../../charts/index.ts";
import { chartBox } from "../../controls/index.ts";
import type { Evaluation, RunView } from "../../messages.ts";
import { methodAndPattern, perplexityMeaning, verdict } from "../../words.ts";

/** The content of the section; empty where nothing was measured and nothing is expected. */
export function perplexityContent(run: RunView): Node[] {
  const { evaluation } = run.job ?? { evaluation: null };
  if (evaluation !== null) return evaluationContent(evaluation);
  const [first] = run.perplexity;
  if (first === undefined) return [];
  return [...comparison(run), table(run.perplexity), note(first)];
}

function evaluationContent({ checkpoint, result }: Evaluation): Node[] {
  if (result === null) return [h("p", { class: "dr-note" }, `Of ${checkpoint}.`)];
  return [
    h("p", { class: "run-figure" }, format.perplexity(result.perplexity)),
    h("p", { class: "dr-note" }, `Of ${checkpoint}. ${perplexityMeaning(result)}`),
  ];
}

function comparison({ perplexity, recipe }: RunView): Node[] {
  const of = (label: PerplexityRow["label"]): number | undefined =>
    perplexity.find((row) => row.label === label)?.perplexity;
  const [dense, pruned, rotated] = [of("dense"), of("pruned"), of("rotated + pruned")];
  if (pruned === undefined && rotated === undefined) return [];
  const label = recipe === null ? "this run" : methodAndPattern(recipe.method, recipe.pattern);
  const chart = chartBox((container, width) => {
    const pairs = [{ label, pruned, rotated }];
    perplexityChart(container, { dense, pairs }, { width: Math.min(width, 760) });
  });
  const sentence =
    dense === undefined || pruned === undefined || rotated === undefined
      ? ""
      : verdict(dense, pruned, rotated);
  return [chart.element, ...(sentence === "" ? [] : [h("p", {}, sentence)])];
}

const COLUMNS: readonly Column<PerplexityRow>[] = [
  { label: "model", value: (r) => r.label },
  {
    label: "perplexity",
    value: (r) => r.perplexity,
    format: (r) => format.perplexity(r.perplexity),
  },
  { label: "scored tokens", value: (r) => r.tokens, format: (r) => format.count(r.tokens) },
  { label: "window", value: (r) => r.seqLen, format: (r) => format.count(r.seqLen) },
];

function table(rows: readonly PerplexityRow[]): HTMLElement {
  const box = h("div", { class: "run-table" });
  dataTable(box, { columns: COLUMNS, rows }, { caption: "Perplexities", sortable: false });
  return box;
}

const note = (row: PerplexityRow): HTMLElement =>
  h("p", { class: "dr-note" }, perplexityMeaning(row));
