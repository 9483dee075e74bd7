/** The page's door: what is embedded is checked once, here, before anything is drawn. */
import * as z from "zod/mini";
import type { ComparisonReport, RunReport } from "../../daemon/report.ts";
import { PRUNE_METHODS } from "../../daemon/vocabulary.ts";
import {
  measured,
  number,
  pattern,
  perplexityRow,
  runReport,
  type Schema,
  text,
} from "../schemas/report.ts";

const comparison = z.object({
  title: text,
  dense: perplexityRow,
  rows: z.array(
    z.object({
      method: z.enum(PRUNE_METHODS),
      pattern,
      pruned: measured,
      rotated: measured,
      secondsPruned: number,
      secondsRotated: number,
      report: runReport,
      output: text,
    }),
  ),
  machine: text,
}) satisfies Schema<ComparisonReport>;

/** What `daemon/pipeline/htmlReport.ts` embeds. */
export type Payload =
  | { readonly kind: "run"; readonly report: RunReport }
  | { readonly kind: "comparison"; readonly report: ComparisonReport };

const payload = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("run"), report: runReport }),
  z.object({ kind: z.literal("comparison"), report: comparison }),
]) satisfies Schema<Payload>;

/** @throws {Error} whose message lists the first few things that are wrong, each with its path */
export function parsePayload(json: string): Payload {
  const result = payload.safeParse(JSON.parse(json));
  if (result.success) return result.data;
  const lines = result.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(lines.join("\n"));
}
