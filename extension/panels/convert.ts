/** From the wire to what pages show: pure functions. */
import {
  patternName,
  type JobDetail,
  type JobInfo,
  type JobUpdate,
  type LayerReport,
  type Role,
  type RunReport,
} from "../../daemon/protocol.ts";
import type {
  JobView,
  LayerView,
  MatrixSummary,
  RunUpdate,
  RunView,
} from "../../webview/messages.ts";

export function jobView(job: JobInfo): JobView {
  const { id, revision, state, startedAt, endedAt, attempt, resumable, device, progress } = job;
  const { error, request, result } = job;
  return {
    ...{ id, revision, state, startedAt, endedAt, attempt, resumable, device, progress },
    error: error && { code: error.code, message: error.message },
    output: result?.kind === "prune" ? result.output : null,
    evaluation:
      request.kind === "evaluate"
        ? {
            checkpoint: request.evaluate.checkpoint,
            result: result?.kind === "evaluate" ? result : null,
          }
        : null,
  };
}

export function runOfJob({ job, plan, ...told }: JobDetail): RunView {
  const profile = plan?.recipe.profile;
  return {
    title: job.title,
    job: jobView(job),
    modelType: plan?.modelType ?? null,
    layerCount: plan?.layers ?? null,
    recipe: plan?.recipe ?? null,
    ratios: profile?.kind === "file" ? profile.ratios : null,
    device: job.device,
    layers: told.layers,
    steps: told.steps,
    perplexity: told.perplexity,
    fallbacks: told.fallbacks,
    notes: told.notes,
  };
}

/** What a page hears of a job; null for a plan, after which it asks for everything anew. */
export function runUpdates(updates: readonly JobUpdate[]): RunUpdate[] | null {
  const told = updates.filter((update) => update.type !== "plan");
  return told.length < updates.length ? null : told;
}

export function runOfReport(report: RunReport): RunView {
  const { source, recipe, ratios, device, perplexity, fallbacks } = report;
  return {
    title: `${source.name} · ${recipe.method} ${patternName(recipe.pattern)}`,
    job: null,
    modelType: source.modelType,
    layerCount: source.layers,
    ...{ recipe, ratios, device, perplexity, fallbacks },
    layers: report.layers.map(layerView),
    steps: [],
    notes: [],
  };
}

function layerView({ index, entropy, prunedMass, matrices, curve }: LayerReport): LayerView {
  const summary = (role: Role): MatrixSummary => {
    const { shape, zeros, sparsity, entropy, prunedMass } = matrices[role];
    return { shape, zeros, sparsity, entropy, prunedMass };
  };
  return {
    ...{ index, entropy, prunedMass, curve },
    matrices: {
      q: summary("q"),
      k: summary("k"),
      v: summary("v"),
      o: summary("o"),
      gate: summary("gate"),
      up: summary("up"),
      down: summary("down"),
    },
  };
}
