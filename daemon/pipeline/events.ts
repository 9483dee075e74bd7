/**
 * What a run tells while it goes: plain values, one listener, no back-channel. The command line prints them, the
 * daemon will put them on the wire.
 */
import type { CurvePoint, Fallback, LayerReport, PerplexityRow } from "../report.ts";
import type { Stage } from "../vocabulary.ts";
import type { Plan } from "./plan.ts";

export { STAGES, type Stage } from "../vocabulary.ts";

export type RunEvent =
  | { readonly type: "plan"; readonly plan: Plan }
  /** The device was opened: what computes, and why it was chosen. */
  | { readonly type: "device"; readonly description: string; readonly reason: string }
  /** `--resume` found this many finished layers. */
  | { readonly type: "resumed"; readonly layers: number }
  | {
      readonly type: "progress";
      readonly stage: Stage;
      /** Layer at work, or `null` outside the layers. */
      readonly layer: number | null;
      readonly layers: number;
      /** Share of the whole run that is done, 0…1, never falling. */
      readonly fraction: number;
    }
  | ({
      readonly type: "step";
      /** First and last layer of the scope that shares the rotation being learned. */
      readonly layers: readonly [first: number, last: number];
      readonly steps: number;
    } & CurvePoint)
  | { readonly type: "layer"; readonly report: LayerReport }
  | { readonly type: "fallback"; readonly fallback: Fallback }
  | { readonly type: "perplexity"; readonly row: PerplexityRow }
  /** Something the person should know that is no failure, e.g. a sequence length cut to the model's context. */
  | { readonly type: "note"; readonly text: string };

export type RunListener = (event: RunEvent) => void;

/** For callers that do not watch. */
export const silent: RunListener = () => undefined;
