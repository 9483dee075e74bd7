/**
 * The self-contained HTML report: the page's script and style from `dist/` and the report's data, in one file that
 * needs nothing else and may load nothing else. What it draws is in `webview/report/`.
 */
import { createHash } from "node:crypto";
import type { ComparisonReport, RunReport } from "../report.ts";
import { patternName } from "../vocabulary.ts";
import { reportFile } from "./ownFiles.ts";
import { reportPieces } from "./reportPieces.ts";

/** @throws {DenoiseError} `pipeline/report-not-built` when `npm run build` has not been run */
export const renderRunReport = (report: RunReport): string => [...runReportPage(report)].join("");

/** {@link renderRunReport} piece by piece, for a report of many layers. */
export function* runReportPage(report: RunReport): Generator<string> {
  const { method, pattern } = report.recipe;
  const title = `${report.source.name}, ${method} ${patternName(pattern)}: DenoiseRotator report`;
  const [before, after] = page(title);
  yield `${before}{"kind":"run","report":`;
  for (const piece of reportPieces(report)) yield escapedJson(piece);
  yield `}${after}`;
}

/** @throws {DenoiseError} `pipeline/report-not-built` when `npm run build` has not been run */
export function renderComparison(report: ComparisonReport): string {
  const [before, after] = page(`${report.title}: DenoiseRotator comparison`);
  return `${before}${escapeJson({ kind: "comparison", report })}${after}`;
}

/** What stands before and behind the data. */
function page(title: string): readonly [before: string, after: string] {
  const script = reportFile("report.js").trimEnd();
  const style = reportFile("report.css").trimEnd();
  // The policy lets exactly these two run and lets the page fetch nothing, whatever the data says.
  const policy = `default-src 'none'; script-src '${sha256(script)}'; style-src '${sha256(style)}'`;
  const before = [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeText(title)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    "<main><noscript>This report draws its charts with a script; the same figures are in denoise-report.json.</noscript></main>",
    '<script type="application/json" id="denoise-data">',
  ].join("\n");
  return [before, ["</script>", `<script>${script}</script>`, "</body>", "</html>", ""].join("\n")];
}

/** JSON that cannot end the script element it stands in: `<` only ever occurs inside strings, where it can be escaped. */
export const escapeJson = (value: unknown): string => escapedJson(JSON.stringify(value));

const escapedJson = (json: string): string => json.replaceAll("<", "\\u003c");

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function sha256(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
