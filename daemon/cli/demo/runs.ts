/** What the demonstration runs, and with which settings: small enough for two cores and three minutes. */
import { join } from "node:path";
import type { EvaluateOptions, PruneOptions } from "../../pipeline/index.ts";
import { PRUNE_METHODS } from "../../vocabulary.ts";
import type { Pattern, PruneMethod } from "../../vocabulary.ts";
import type { Sample } from "./sample.ts";

export interface DemoRun {
  readonly method: PruneMethod;
  readonly pattern: Pattern;
  readonly rotated: boolean;
  /** Output folder. */
  readonly out: string;
}

const PATTERNS: readonly Pattern[] = [
  { kind: "unstructured", share: 0.5 },
  { kind: "nm", keep: 2, of: 4 },
];

const SEQ_LEN = 256;
const CALIBRATION_WINDOWS = 32;
const EVALUATION_WINDOWS = 64;

/** Every method and pattern, first without, then with rotation. */
export const demoRuns = (out: string): DemoRun[] =>
  PATTERNS.flatMap((pattern) =>
    PRUNE_METHODS.flatMap((method) =>
      [false, true].map((rotated) => ({
        method,
        pattern,
        rotated,
        out: join(out, folderName(method, pattern, rotated)),
      })),
    ),
  );

/** Such as `wanda-2-4-rotated`. */
const folderName = (method: PruneMethod, pattern: Pattern, rotated: boolean): string =>
  [
    method,
    pattern.kind === "nm" ? `${pattern.keep}-${pattern.of}` : String(pattern.share * 100),
    ...(rotated ? ["rotated"] : []),
  ].join("-");

export const pruneOptions = (sample: Sample, run: DemoRun): PruneOptions => ({
  checkpoint: sample.checkpoint,
  out: run.out,
  method: run.method,
  pattern: run.pattern,
  rotation: { kind: run.rotated ? "layer" : "none" },
  calibration: [sample.calibration],
  samples: CALIBRATION_WINDOWS,
  seqLen: SEQ_LEN,
  sampling: "sequential",
});

export const evaluateOptions = (sample: Sample, checkpoint: string): EvaluateOptions => ({
  checkpoint,
  text: [sample.evaluation],
  seqLen: SEQ_LEN,
  maxWindows: EVALUATION_WINDOWS,
});
