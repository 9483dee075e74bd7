/** A job's name in lists. */
import { basename, dirname } from "node:path";
import type { JobRequest } from "../protocol/jobs.ts";

/** `stories260K · sparsegpt 2:4`; the defaults are named too, a list must not need them looked up. */
export function titleOf(request: JobRequest): string {
  switch (request.kind) {
    case "prune": {
      const { checkpoint, method = "sparsegpt", sparsity = "2:4" } = request.recipe;
      const pattern = typeof sparsity === "number" ? `${+(sparsity * 100).toFixed(4)}%` : sparsity;
      return `${modelName(checkpoint)} · ${method} ${pattern}`;
    }
    case "evaluate":
      return `${modelName(request.evaluate.checkpoint)} · perplexity`;
    default:
      return request satisfies never;
  }
}

/** Checkpoints are known by their folder, also where a file in it was named. */
const modelName = (checkpoint: string): string =>
  /\.(json|safetensors)$/.test(checkpoint) ? basename(dirname(checkpoint)) : basename(checkpoint);
