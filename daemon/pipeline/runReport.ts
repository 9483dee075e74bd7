/** Putting a run's report together from what its parts have measured. */
import { basename } from "node:path";
import { dtypeInfo } from "../checkpoint/index.ts";
import { boundaryName } from "../model/index.ts";
import {
  REPORT_SCHEMA,
  type PerplexityRow,
  type RunReport,
  type SelfTest,
  type TaskReport,
} from "../report.ts";
import type { CalibrationSet } from "../text/index.ts";
import { VERSION } from "../version.ts";
import type { LayersResult } from "./layers.ts";
import { boundaryLayers } from "./outputPlan.ts";
import type { Plan, PlannedTensor } from "./plan.ts";
import { parameterCount } from "./planning.ts";
import type { Run } from "./run.ts";

export interface ReportParts {
  readonly plan: Plan;
  readonly device: string;
  readonly fingerprint: string;
  readonly calibration: CalibrationSet | null;
  readonly layers: Pick<LayersResult, "reports" | "fallbacks">;
  /** Bytes of the output's tensors. */
  readonly bytes: number;
  readonly selfTest: SelfTest;
  readonly perplexity: readonly PerplexityRow[];
  /** Null where no tasks were asked for. */
  readonly tasks: TaskReport | null;
}

export function runReport(run: Run, parts: ReportParts): RunReport {
  const { model, recipe } = run;
  const { config, checkpoint } = model;
  const { calibration, plan, selfTest } = parts;
  const { zeros } = selfTest.reopened;
  const pruned = plan.tensors.filter((t) => t.fate === "pruned");
  const prunable = pruned.reduce((sum, t) => sum + elementsOf(t), 0);
  const boundaries = new Set(boundaryLayers(recipe, config.layers).map(boundaryName));
  return {
    schema: REPORT_SCHEMA,
    version: VERSION,
    source: {
      name: basename(checkpoint.root),
      modelType: config.modelType,
      layers: config.layers,
      parameters: parameterCount(checkpoint),
      fingerprint: parts.fingerprint,
    },
    device: parts.device,
    recipe,
    calibration: {
      files: (calibration?.source.files ?? []).map(({ path, sha256, bytes }) => ({
        name: basename(path),
        sha256,
        bytes,
      })),
      tokens: (calibration?.windows.length ?? 0) * recipe.seqLen,
    },
    layers: parts.layers.reports,
    ratios: run.budget.ratios,
    total: {
      prunable,
      zeros,
      sparsity: zeros / prunable,
      bytes: parts.bytes,
      boundaryParameters: plan.tensors
        .filter((t) => boundaries.has(t.name))
        .reduce((sum, t) => sum + elementsOf(t), 0),
      packedBytes: packedBytes(plan, pruned),
    },
    perplexity: parts.perplexity,
    ...(parts.tasks && { tasks: parts.tasks }),
    selfTest,
    fallbacks: parts.layers.fallbacks,
  };
}

const elementsOf = ({ shape }: PlannedTensor): number => shape.reduce((a, b) => a * b, 1);

/** Kept values and their positions: 2 bits a kept value for 2:4 (as the hardware stores it), else one bit a weight. */
function packedBytes({ recipe: { pattern } }: Plan, pruned: readonly PlannedTensor[]): number {
  const hardware = pattern.kind === "nm" && pattern.keep === 2 && pattern.of === 4;
  return pruned.reduce((sum, tensor) => {
    const elements = elementsOf(tensor);
    const kept = elements - tensor.zeros;
    const positionBits = hardware ? 2 * kept : elements;
    return sum + (kept * dtypeInfo(tensor.dtype).bits + positionBits) / 8;
  }, 0);
}
