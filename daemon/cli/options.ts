/**
 * The one door for options: what the argument parser found (strings, lists, flags) becomes the typed options of the
 * rooms behind, or a `cli/bad-option` that says what is allowed. Defaults are the pipeline's; silence stays silence.
 */
import { join } from "node:path";
import type { PruneOptions } from "../pipeline/index.ts";
import { OBJECTIVES, PRUNE_METHODS } from "../vocabulary.ts";
import { contradiction, needsOption } from "./errors.ts";
import { parseTaskChoice } from "./evalOptions.ts";
import {
  device,
  flag,
  MANY,
  present,
  refuseWithout,
  text,
  texts,
  value,
  type RawOptions,
} from "./rawOptions.ts";
import { oneOf, pattern, positiveNumber, profile, rotation, size, wholeNumber } from "./values.ts";

export interface PruneRequest {
  readonly options: PruneOptions;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function parsePrune(checkpoint: string, raw: RawOptions): PruneRequest {
  const dryRun = flag(raw, "dryRun");
  if (dryRun && flag(raw, "resume")) {
    throw contradiction(
      "--dry-run",
      "--resume",
      "the plan of a run does not depend on what is left of it",
    );
  }
  const evaluation = parseEvaluation(raw);
  const choice = parseTaskChoice(raw);
  const options = {
    checkpoint,
    out: text(raw, "out") ?? "",
    resume: flag(raw, "resume"),
    ...present({
      method: value(raw, "method", oneOf(...PRUNE_METHODS)),
      pattern: value(raw, "sparsity", pattern),
      sparsityProfile: value(raw, "sparsityProfile", profile),
      rotation: value(raw, "rotation", rotation),
      objective: value(raw, "objective", oneOf(...OBJECTIVES)),
      steps: value(raw, "steps", wholeNumber(1, MANY)),
      learningRate: value(raw, "learningRate", positiveNumber(10)),
      // commander turns `--no-regroup` into `regroup: false` and its absence into `true`.
      regroup: raw.regroup === false ? false : undefined,
      damping: value(raw, "damping", positiveNumber(1)),
      blockSize: value(raw, "blockSize", wholeNumber(1, MANY)),
      calibration: texts(raw, "calibration"),
      field: text(raw, "field"),
      samples: value(raw, "samples", wholeNumber(1, MANY)),
      seqLen: value(raw, "seqLen", wholeNumber(2, MANY)),
      sampling: value(raw, "sampling", oneOf("random", "sequential")),
      seed: value(raw, "seed", wholeNumber(0, Number.MAX_SAFE_INTEGER)),
      dtype: value(raw, "dtype", oneOf("keep", "bf16", "f16", "f32")),
      maxShardBytes: value(raw, "maxShardSize", size),
      device: value(raw, "device", device),
      evaluation,
      tasks: choice && { ...choice, ...present({ baseline: baselineOf(raw) }) },
    }),
  } satisfies PruneOptions;
  return { options, dryRun, json: flag(raw, "json") };
}

// commander turns `--no-baseline` into `baseline: false` and its absence into `true`.
const baselineOf = (raw: RawOptions) => (raw.baseline === false ? false : undefined);

function parseEvaluation(raw: RawOptions): PruneOptions["evaluation"] {
  const files = texts(raw, "text");
  const baseline = baselineOf(raw);
  if (files === undefined) {
    refuseWithout("--text <file>", raw, ["evalSeqLen", "evalWindows"]);
    if (baseline === false && raw.tasks === undefined) {
      throw needsOption("--no-baseline", "--text <file> or --tasks <names>");
    }
    return undefined;
  }
  return {
    files,
    ...present({
      seqLen: value(raw, "evalSeqLen", wholeNumber(2, MANY)),
      maxWindows: value(raw, "evalWindows", wholeNumber(1, MANY)),
      baseline,
    }),
  };
}

export interface InspectRequest {
  readonly checkpoint: string;
  readonly tensor: string | undefined;
  /** Whether to read the data and count zeros; undefined leaves it to the size of the checkpoint. */
  readonly statistics: boolean | undefined;
  /** One row a tensor instead of one for the same tensor of all layers. */
  readonly all: boolean;
  readonly json: boolean;
}

export function parseInspect(checkpoint: string, raw: RawOptions): InspectRequest {
  const tensor = text(raw, "tensor");
  const statistics = typeof raw.statistics === "boolean" ? raw.statistics : undefined;
  if (tensor !== undefined && statistics === false) {
    throw contradiction("--tensor", "--no-statistics", "the statistics are what --tensor shows");
  }
  return { checkpoint, tensor, statistics, all: flag(raw, "all"), json: flag(raw, "json") };
}

export interface DownloadRequest {
  /** `organisation/name` or `organisation/name@revision`. */
  readonly repository: string;
  /** Output folder. */
  readonly out: string;
  readonly token: string | undefined;
  readonly json: boolean;
}

/** The folder is named like the model unless `--out` says otherwise. */
export function parseDownload(repository: string, raw: RawOptions): DownloadRequest {
  const model = repository.replace(/@.*$/s, "").split("/").at(-1) ?? "";
  return {
    repository,
    out: text(raw, "out") ?? join(".", model),
    token: text(raw, "token"),
    json: flag(raw, "json"),
  };
}

/** @returns the output folder */
export const parseDemo = (raw: RawOptions): string => text(raw, "out") ?? join("out", "sample");
