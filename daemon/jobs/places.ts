/** Where what a job writes can be read: its finished layers while it runs, the output when it is done. */
import { existsSync } from "node:fs";
import type { JobDetail, JobInfo, JobRequest } from "../protocol/jobs.ts";
import { heatmapPath, layerFilePath, runFilePath, workPath } from "../runFiles.ts";
import { layerOf } from "../vocabulary.ts";
import { noSuchLayer, nothingWritten, unfinishedRun } from "./errors.ts";

/** Paths of what there is of a finished layer. */
export interface LayerFiles {
  readonly heatmap: string;
  readonly written: string;
  /** The dense checkpoint; null where it is not known. */
  readonly dense: string | null;
}

/** The folder that a request asks for; null where it writes none. */
export const outputOf = (request: JobRequest): string | null =>
  request.kind === "prune" ? request.recipe.out : null;

export const finishedOutputOf = ({ result }: JobInfo): string | null =>
  result?.kind === "prune" ? result.output : null;

/** @throws jobs/no-such-layer */
export function layerFilesOf({ job, layers }: JobDetail, layer: number): LayerFiles {
  const { request, work, id } = job;
  const dense = request.kind === "prune" ? request.recipe.checkpoint : null;
  const output = finishedOutputOf(job);
  if (output !== null) return { ...outputFiles(output, layer), dense };
  if (work === null || !layers.some(({ index }) => index === layer)) throw noSuchLayer(id, layer);
  return { heatmap: heatmapPath(work, layer), written: layerFilePath(work, layer), dense };
}

/** Of an output folder that may be that of no job. */
export const outputFiles = (output: string, layer: number): LayerFiles => ({
  heatmap: heatmapPath(output, layer),
  written: output,
  dense: null,
});

/**
 * The checkpoint in which a tensor that the job writes can be read now: the output, or a finished layer's file.
 * @throws jobs/nothing-written
 */
export function checkpointOf({ job, layers }: JobDetail, tensor: string): string {
  const output = finishedOutputOf(job);
  if (output !== null) return output;
  const layer = layerOf(tensor);
  if (job.work === null || layer === null || !layers.some(({ index }) => index === layer)) {
    throw nothingWritten(job.id, tensor);
  }
  return layerFilePath(job.work, layer);
}

/** @throws pipeline/unfinished-run */
export function assertNoRun(request: JobRequest): void {
  const out = outputOf(request);
  if (out === null) return;
  const work = workPath(out);
  if (existsSync(runFilePath(work))) throw unfinishedRun(work);
}
