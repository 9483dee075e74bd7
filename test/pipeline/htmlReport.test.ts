/** The written page: what is embedded comes back, nothing in it can break out, nothing may be loaded. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  escapeJson,
  escapeText,
  renderComparison,
  renderRunReport,
} from "../../daemon/pipeline/htmlReport.ts";
import { buildReport } from "../webview/built.ts";
import { comparisonReport, runReport } from "../webview/fixture.ts";

buildReport();

const HOSTILE = `</script><script>alert(1)</script><!-- & "quoted" `;

describe("escaping", () => {
  test("JSON keeps its value and holds no <", () => {
    const value = { [HOSTILE]: [HOSTILE, 1, null] };
    const json = escapeJson(value);
    expect(json).not.toContain("<");
    expect(JSON.parse(json)).toEqual(value);
  });

  test("text", () => {
    expect(escapeText("a < b & c > d")).toBe("a &lt; b &amp; c &gt; d");
  });
});

describe("page", () => {
  const report = runReport({ layers: 1, name: HOSTILE });
  const html = renderRunReport(report);

  test("the data comes back as it went in", () => {
    expect(JSON.parse(between(html, 'id="denoise-data">', "</script>"))).toEqual({
      kind: "run",
      report,
    });
  });

  test("a hostile model name opens no element", () => {
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(between(html, "<title>", "</title>")).not.toMatch(/[<>]/);
  });

  test("the policy allows exactly the script and the style that are in it, and no loading", () => {
    const policy = between(html, 'http-equiv="Content-Security-Policy" content="', '"');
    const hash = (text: string): string =>
      `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const script = html.slice(html.lastIndexOf("<script>") + 8, html.lastIndexOf("</script>"));
    const style = between(html, "<style>", "</style>");
    expect(policy).toBe(`default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}`);
  });

  test("no element refers to anything outside", () => {
    const shell = html
      .replace(/<script[\s\S]*?<\/script>/g, "")
      .replace(/<style[\s\S]*?<\/style>/, "");
    expect(shell).not.toMatch(/\b(src|href)=/);
    expect(between(html, "<style>", "</style>")).not.toMatch(/url\(|@import/);
  });

  test("the comparison embeds every run", () => {
    const comparison = comparisonReport(1);
    const page = renderComparison(comparison);
    expect(JSON.parse(between(page, 'id="denoise-data">', "</script>"))).toEqual({
      kind: "comparison",
      report: comparison,
    });
  });
});

function between(text: string, start: string, end: string): string {
  const from = text.indexOf(start) + start.length;
  return text.slice(from, text.indexOf(end, from));
}
