/** Entry of the self-contained report: reads what is embedded, checks it, draws the page. */
import { h } from "../charts/index.ts";
import { comparisonPage } from "./comparisonPage.ts";
import { runPage } from "./runPage.ts";
import { parsePayload, type Payload } from "./schema.ts";

function pageOf(payload: Payload): HTMLElement[] {
  switch (payload.kind) {
    case "run":
      return runPage(payload.report);
    case "comparison":
      return comparisonPage(payload.report);
    default:
      return payload satisfies never;
  }
}

function start(): void {
  const main = document.querySelector("main");
  const data = document.getElementById("denoise-data")?.textContent ?? "";
  if (main === null) return;
  try {
    main.replaceChildren(...pageOf(parsePayload(data)));
  } catch (error) {
    main.replaceChildren(
      h("h1", {}, "This report cannot be shown"),
      h("p", {}, "Its data is damaged or was written by another version of DenoiseRotator:"),
      h("pre", { class: "page-error" }, error instanceof Error ? error.message : String(error)),
      h("p", {}, "The same figures are in denoise-report.json in the output folder."),
    );
  }
}

start();
