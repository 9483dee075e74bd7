/** The page of one run: what came out, then where, then how, then what it is good for. */
import type { PerplexityRow, RunReport } from "../../daemon/report.ts";
import { dataTable, format, h, perplexityChart, responsive, type Column } from "../charts/index.ts";
import { definitions, type Level, paragraph, section } from "../controls/index.ts";
import { explorer } from "./explorer.ts";
import { learning } from "./learning.ts";
import { sparsity } from "./sparsitySection.ts";
import { tasksSection } from "./tasksSection.ts";
import {
  METHOD_NAMES,
  methodAndPattern,
  patternText,
  perplexityMeaning,
  recipeFacts,
  scopeWords,
  verdict,
} from "../words.ts";
import { consequences, selfTestWords } from "./words.ts";

export function runPage(report: RunReport): HTMLElement[] {
  return [
    runHeader(report),
    ...warnings(report),
    perplexitySection(report),
    ...tasksSection(report),
    ...runSections(report, 2),
  ];
}

/** Everything below the perplexities; the comparison shows these for the run that is selected. */
export function runSections(report: RunReport, level: Level): HTMLElement[] {
  return [
    explorer(report, level),
    learning(report, level),
    sparsity(report, level),
    section(level, "What this checkpoint gives", definitions(consequences(report), "prose")),
    howItWasMade(report, level),
  ];
}

function runHeader(report: RunReport): HTMLElement {
  const { source, recipe, total } = report;
  return h(
    "header",
    { class: "page-header" },
    h("p", { class: "page-kicker" }, "DenoiseRotator report"),
    h("h1", {}, `${source.name}, ${methodAndPattern(recipe.method, recipe.pattern)}`),
    paragraph(
      `${source.modelType}, ${format.count(source.layers)} layers, ${format.count(source.parameters)} parameters. ` +
        `Pruned with ${METHOD_NAMES[recipe.method]} to ${patternText(recipe.pattern)}, ${scopeWords(recipe.rotation)}: ` +
        `${format.percent(total.sparsity, 2)} of ${format.count(total.prunable)} prunable weights are zero.`,
      "page-lead",
    ),
  );
}

function perplexitySection(report: RunReport): HTMLElement {
  const rows = report.perplexity;
  const find = (label: PerplexityRow["label"]): number | undefined =>
    rows.find((r) => r.label === label)?.perplexity;
  const [dense, pruned, rotated] = [find("dense"), find("pruned"), find("rotated + pruned")];
  const first = rows[0];
  if (first === undefined) {
    return section(
      2,
      "Perplexity",
      h(
        "p",
        { class: "dr-empty" },
        "Not measured: the run was given no evaluation text. Measure it with ",
        h("code", {}, "denoise-rotator eval <checkpoint> --text <file>"),
        ".",
      ),
    );
  }
  const chart = h("div", { class: "page-chart" });
  responsive(chart, (width) => {
    const label = methodAndPattern(report.recipe.method, report.recipe.pattern);
    perplexityChart(chart, { dense, pairs: [{ label, pruned, rotated }] }, { width });
  });
  const table = h("div", { class: "dr-visually-hidden" });
  dataTable(
    table,
    { columns: PERPLEXITY_COLUMNS, rows },
    { caption: "Perplexities", sortable: false },
  );
  const sentence =
    dense === undefined || pruned === undefined || rotated === undefined
      ? ""
      : verdict(dense, pruned, rotated);
  return section(
    2,
    "Perplexity",
    h(
      "div",
      { class: "page-result" },
      h("div", { class: "page-figures" }, ...rows.map(bigNumber)),
      chart,
    ),
    ...(sentence === "" ? [] : [paragraph(sentence)]),
    table,
    paragraph(perplexityMeaning(first), "dr-note"),
  );
}

const PERPLEXITY_COLUMNS: readonly Column<PerplexityRow>[] = [
  { label: "model", value: (r) => r.label },
  {
    label: "perplexity",
    value: (r) => r.perplexity,
    format: (r) => format.perplexity(r.perplexity),
  },
  { label: "tokens", value: (r) => r.tokens, format: (r) => format.count(r.tokens) },
  { label: "window", value: (r) => r.seqLen, format: (r) => format.count(r.seqLen) },
];

function bigNumber(row: PerplexityRow): HTMLElement {
  return h(
    "div",
    {
      class: row.label === "rotated + pruned" ? "page-figure page-figure-after" : "page-figure",
      "aria-hidden": "true",
    },
    h("span", { class: "page-figure-value" }, format.perplexity(row.perplexity)),
    h("span", { class: "page-figure-label" }, row.label),
  );
}

/** What a reader must not miss, above everything else. */
export function warnings(report: RunReport): HTMLElement[] {
  const test = selfTestWords(report);
  const messages = [
    ...(test.passed ? [] : [`The self-test failed: do not use this checkpoint. ${test.words}`]),
    ...(report.fallbacks.length === 0
      ? []
      : [
          `${report.fallbacks.length === 1 ? "One thing" : `${report.fallbacks.length} things`} did not go as asked and had to be handled; see “How it was made”.`,
        ]),
  ];
  return messages.map((m) => h("p", { class: "page-warning", role: "note" }, m));
}

function howItWasMade(report: RunReport, level: Level): HTMLElement {
  const test = selfTestWords(report);
  const files = report.calibration.files.map((f) =>
    h(
      "li",
      {},
      `${f.name}, ${format.bytes(f.bytes)}, SHA-256 `,
      h("code", {}, f.sha256.slice(0, 16)),
      "…",
    ),
  );
  const fallbacks =
    report.fallbacks.length === 0
      ? paragraph("None: every step went as asked.")
      : h(
          "ul",
          { class: "page-list" },
          ...report.fallbacks.map((f) => h("li", {}, `Layer ${f.layer}, ${f.role}: ${f.what}`)),
        );
  const sub = level === 2 ? "h3" : "h4";
  return section(
    level,
    "How it was made",
    paragraph("The same input, recipe and device give the same bytes again."),
    definitions(
      recipeFacts({ ...report, calibrationTokens: report.calibration.tokens }),
      "compact",
    ),
    h(sub, {}, "Calibration text"),
    h("ul", { class: "page-list" }, ...files),
    h(sub, {}, "Fallbacks taken"),
    fallbacks,
    h(sub, {}, test.passed ? "Self-test: passed" : "Self-test: failed"),
    paragraph(test.words),
    paragraph(
      `DenoiseRotator ${report.version}. Input fingerprint ${report.source.fingerprint}.`,
      "dr-note page-fingerprint",
    ),
  );
}
