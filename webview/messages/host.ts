/** Messages of the host to a page. */
import * as z from "zod/mini";
import { ROLES } from "../../daemon/vocabulary.ts";
import { exactly, natural, text } from "../schemas/report.ts";
import { METHODS, type Params } from "./requests.ts";
import { jobView, runUpdate, type JobView, type MatrixId, type RunUpdate } from "./run.ts";
import { runSource, type RunSource } from "./state.ts";

/** What a page may be answered before it asks. */
type AheadMethod = "run" | "matrix";

export type AskedAhead = {
  [M in AheadMethod]: { readonly method: M; readonly params: Params<M> };
}[AheadMethod];

/** An answer to what a page is going to ask, fetched while the page was being opened. */
export type AnswerAhead = AskedAhead & { readonly result: unknown };

export type HostMessage =
  /**
   * What to show; again when the person opens another matrix from elsewhere. `title` is that of the run or file.
   */
  | {
      readonly type: "show";
      readonly title: string;
      readonly at: MatrixId | null;
      /** The tensor to select, in the safetensors editor. */
      readonly tensor?: string | null | undefined;
      /** What the panel is bound to, for the page's state only; null in the safetensors editor. */
      readonly source: RunSource | null;
      readonly ahead?: readonly AnswerAhead[] | undefined;
    }
  | { readonly type: "answer"; readonly id: number; readonly result: unknown }
  | {
      readonly type: "failure";
      readonly id: number;
      /** The daemon's stable code, `checkpoint/truncated`; or `connection`. */
      readonly code: string;
      readonly message: string;
    }
  /** The job of this page changed; null: it was removed from the history. */
  | { readonly type: "job"; readonly job: JobView | null }
  | { readonly type: "updates"; readonly updates: readonly RunUpdate[] }
  /** Something may have been missed: ask for everything anew. */
  | { readonly type: "stale" };

const ahead = <M extends AheadMethod, P extends z.ZodMiniType>(method: M, params: P) =>
  z.object({ method: z.literal(method), params, result: z.unknown() });

const answerAhead = z.discriminatedUnion("method", [
  ahead("run", METHODS.params.run),
  ahead("matrix", METHODS.params.matrix),
]);

export const hostMessage = exactly<HostMessage>()(
  z.discriminatedUnion("type", [
    z.object({
      type: z.literal("show"),
      title: text,
      at: z.nullable(z.object({ layer: natural, role: z.enum(ROLES) })),
      tensor: z.optional(z.nullable(text)),
      source: z.nullable(runSource),
      ahead: z.optional(z.array(answerAhead)),
    }),
    z.object({ type: z.literal("answer"), id: natural, result: z.unknown() }),
    z.object({ type: z.literal("failure"), id: natural, code: text, message: text }),
    z.object({ type: z.literal("job"), job: z.nullable(jobView) }),
    z.object({ type: z.literal("updates"), updates: z.array(runUpdate) }),
    z.object({ type: z.literal("stale") }),
  ]),
);
