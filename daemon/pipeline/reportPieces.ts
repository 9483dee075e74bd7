/**
 * A run's report as JSON in pieces, one layer each. In one piece it is tens of megabytes of pictures, and that several
 * times: as an object, as text, as text in a page, as bytes.
 */
import type { RunReport } from "../report.ts";

export function* reportPieces(report: RunReport): Generator<string> {
  const { layers, ...rest } = report;
  yield `${JSON.stringify(rest).slice(0, -1)},"layers":[`;
  for (const [i, layer] of layers.entries())
    yield `${i === 0 ? "" : ",\n"}${JSON.stringify(layer)}`;
  yield "]}";
}
