/**
 * The work of an unfinished run, `.denoise-rotator/<output name>/` beside the output:
 *
 *     run.json                     what was asked, of which input, on which device: a resumed run must match it
 *     lock                         the process at work
 *     layer-00003.safetensors      a finished layer (layerFile.ts); its existence is what "finished" means
 *     rotation-00000.safetensors   rotation learned for a scope of several layers, before its layers are pruned
 *     metric-00003.safetensors     what that rotation knows of the calibration data (metricStore.ts)
 *     stream-00003.f32             residual stream entering layer 3 (activations.ts)
 *     perplexity.json, tasks.json  evaluation rows already measured
 *
 * Every file appears under its name only when it is whole, so the folder is resumable after a kill at any moment.
 */
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { outputError } from "../checkpoint/index.ts";
import type { PerplexityRow, TaskRow } from "../report.ts";
import { TASK_NAMES } from "../vocabulary.ts";
import { corruptWork, nothingToResume, resumeMismatch, unfinishedRun } from "./errors.ts";
import { layerFilePath, numberedFile, runFilePath, workPath } from "../runFiles.ts";
import { takeLock } from "./lock.ts";
import { firstDifference, type RunIdentity } from "./runIdentity.ts";

const FORMAT = 1;
const LOCK = "lock";

export interface WorkFolder {
  readonly path: string;
  layer(i: number): string;
  rotation(first: number): string;
  metric(i: number): string;
  stream(i: number): string;
  scratch(name: string): string;
  readPerplexity(): Promise<PerplexityRow[]>;
  writePerplexity(rows: readonly PerplexityRow[]): Promise<void>;
  readTasks(): Promise<TaskRow[]>;
  writeTasks(rows: readonly TaskRow[]): Promise<void>;
  /** Gives up the lock and leaves the folder to be resumed. */
  release(): Promise<void>;
  /** The run is over: removes the folder, and its parent if that is empty. */
  remove(): Promise<void>;
}

/**
 * @param signal ends waiting for a lock whose holder is ending
 * @throws pipeline/unfinished-run, pipeline/nothing-to-resume, pipeline/resume-mismatch, pipeline/run-in-progress
 */
export async function openWorkFolder(
  out: string,
  identity: RunIdentity,
  resume: boolean,
  signal: AbortSignal,
): Promise<WorkFolder> {
  const path = workPath(out);
  const runFile = runFilePath(path);
  const exists = existsSync(runFile);
  if (!exists && resume) throw nothingToResume(path);
  await guarded(path, () => mkdir(path, { recursive: true }));
  const release = await guarded(path, () => takeLock(join(path, LOCK), signal));
  try {
    // Asked only here: while its process works on it, a run is not unfinished, and must not be deleted.
    if (exists && !resume) throw unfinishedRun(path);
    if (exists) await compareIdentity(path, runFile, identity);
    else await startFresh(path, identity);
  } catch (error) {
    await release();
    throw error;
  }

  const numbered = (name: string, i: number, suffix: string) =>
    join(path, numberedFile(name, i, suffix));
  const perplexityFile = join(path, "perplexity.json");
  const tasksFile = join(path, "tasks.json");
  return {
    path,
    layer: (i) => layerFilePath(path, i),
    rotation: (first) => numbered("rotation", first, "safetensors"),
    metric: (i) => numbered("metric", i, "safetensors"),
    stream: (i) => numbered("stream", i, "f32"),
    scratch: (name) => join(path, name),
    readPerplexity: () => readRows(perplexityFile, perplexityRow),
    writePerplexity: (rows) => writeJson(perplexityFile, rows),
    readTasks: () => readRows(tasksFile, taskRow),
    writeTasks: (rows) => writeJson(tasksFile, rows),
    release,
    remove: () => removeWork(path),
  };
}

/** Files of a run whose `run.json` is gone must not pass for this one's. */
async function startFresh(path: string, identity: RunIdentity): Promise<void> {
  for (const name of await readdir(path)) {
    if (name !== LOCK) await rm(join(path, name), { recursive: true, force: true });
  }
  await guarded(path, () => writeJson(runFilePath(path), { format: FORMAT, ...identity }));
}

/** Whether an unfinished run lies at `path`. */
export const hasRun = (path: string): boolean => existsSync(runFilePath(path));

/** Removes a run's work, at once: half of it must not be found by the next. */
export async function removeWork(path: string): Promise<void> {
  const aside = `${path}.done`;
  await rm(aside, { recursive: true, force: true });
  await rename(path, aside);
  await rm(aside, { recursive: true, force: true });
  // Fails where other runs have their work there: then it stays.
  await rmdir(dirname(path)).catch(() => undefined);
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw outputError(path, 0, error);
  }
}

const label = z.enum(["dense", "pruned", "rotated + pruned"]);
const perplexityRow = z.object({
  label,
  perplexity: z.number(),
  tokens: z.number(),
  windows: z.number(),
  seqLen: z.number(),
  textSha256: z.string(),
});
const taskRow = z.object({
  label,
  task: z.enum(TASK_NAMES),
  version: z.string(),
  items: z.number(),
  figures: z.record(z.string(), z.object({ value: z.number(), stderr: z.number().nullable() })),
  dataSha256: z.array(z.string()),
});

/** Rows measured so far; none where there is no file. @throws pipeline/corrupt-work */
async function readRows<T>(file: string, row: z.ZodType<T>): Promise<T[]> {
  const text = await readFile(file, "utf8").catch(() => "[]");
  const rows = z.array(row).safeParse(parsed(file, text));
  if (!rows.success) throw corruptWork(file, "is not what this program wrote");
  return rows.data;
}

async function compareIdentity(path: string, runFile: string, now: RunIdentity): Promise<void> {
  const before = z
    .looseObject({ format: z.literal(FORMAT), recipe: z.looseObject({}) })
    .safeParse(parsed(runFile, await readFile(runFile, "utf8")));
  if (!before.success) throw corruptWork(runFile, "is not what this version of the program wrote");
  const difference = firstDifference(before.data, { ...now });
  if (difference !== null) throw resumeMismatch(path, difference);
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw corruptWork(file, `is not JSON (${cause instanceof Error ? cause.message : "?"})`);
  }
}

/** Temporary sibling, fsync, rename. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.partial`;
  const handle = await open(partial, "w");
  try {
    await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, path);
}
