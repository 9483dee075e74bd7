/** A run's view kept up to date: pure functions of what is known and what is told. */
import type { JobView, RunUpdate, RunView } from "../messages.ts";

/** Steps kept of the rotation being learned: more than a screen has pixels. */
const MOST_STEPS = 4096;

export function updated(run: RunView, update: RunUpdate): RunView {
  switch (update.type) {
    case "step": {
      const { point } = update;
      const last = run.steps.at(-1);
      // A curve is of one rotation: the next begins a new one.
      const anew =
        last !== undefined && (last.layers[0] !== point.layers[0] || point.step <= last.step);
      const steps = anew ? [point] : [...run.steps.slice(-MOST_STEPS + 1), point];
      return { ...run, steps };
    }
    case "layer": {
      const others = run.layers.filter(({ index }) => index !== update.layer.index);
      return { ...run, layers: [...others, update.layer].toSorted((a, b) => a.index - b.index) };
    }
    case "perplexity": {
      const others = run.perplexity.filter(({ label }) => label !== update.row.label);
      return { ...run, perplexity: [...others, update.row] };
    }
    case "fallback":
      return { ...run, fallbacks: [...run.fallbacks, update.fallback] };
    case "note":
      return { ...run, notes: [...run.notes, update.text] };
    default:
      return update satisfies never;
  }
}

/** The job as told now; an older tale than what is known is dropped. */
export function withJob(run: RunView, job: JobView): RunView {
  if (run.job !== null && job.revision < run.job.revision) return run;
  return { ...run, job, device: job.device ?? run.device };
}
