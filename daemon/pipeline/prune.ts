/**
 * The main job, told in order: open and understand the checkpoint, plan, embed the calibration windows, then layer by
 * layer rotate and prune, put the output together, test it, and let it appear under its name.
 */
import type { Backend } from "../backend/index.ts";
import { assertOutputAllowed, openCheckpoint } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import { openModel } from "../model/index.ts";
import { workPath } from "../runFiles.ts";
import type { Words } from "../wording.ts";
import { cancelled } from "./errors.ts";
import { silent, type RunListener } from "./events.ts";
import { assertMadeBy, finishedOutput } from "./finishedOutput.ts";
import { withDevice, withModel } from "./frames.ts";
import { readInputs } from "./inputs.ts";
import type { PruneOptions } from "./options.ts";
import { boundaryLayers } from "./outputPlan.ts";
import { keepOwnFiles } from "./ownFiles.ts";
import type { Plan } from "./plan.ts";
import { missingNotes } from "./planNotes.ts";
import { makePlan, refuseImpossible, shortages } from "./planning.ts";
import { resolveRecipe } from "./recipe.ts";
import type { Run } from "./run.ts";
import { runPlanned, type PruneResult } from "./runPlanned.ts";
import { speedOf } from "./speed.ts";
import { hasRun } from "./workFolder.ts";

/**
 * The plan alone: nothing is written. What disk or memory is short of stands in it.
 *
 * @param words of whom it is told to
 * @param missing what the run is to fetch first, in words
 * @throws as {@link prune} does before its work, but for shortages
 */
export function planPrune(
  options: PruneOptions,
  signal: AbortSignal,
  words: Words,
  missing: readonly string[] = [],
): Promise<Plan> {
  return withModel(options.checkpoint, signal, async (model) => {
    const { root, notes: oddities } = model.checkpoint;
    const { recipe, notes } = resolveRecipe(options, model);
    const out = await assertOutputAllowed(options.out, root);
    return withDevice(options.device, silent, async (backend) => {
      const toBeFetched = options.calibration?.length === 0;
      const inputs = await readInputs(options, model, recipe, signal, toBeFetched);
      const machine = { device: backend.device, speed: await speedOf() };
      const asked = { maxShardBytes: options.maxShardBytes, out, recipe, inputs };
      const all = [...notes, ...oddities, ...missingNotes(missing)];
      const { plan } = await makePlan(model, asked, machine, all);
      return { ...plan, shortages: shortages(plan, backend, words) };
    });
  });
}

/**
 * Prunes a checkpoint into a new folder. A run that stops on the way can be continued with `resume`; the output
 * folder appears whole or not at all, and is the same bytes either way. The input is never written to.
 *
 * @throws DenoiseError: `checkpoint/…`, `model/…`, `text/…` for bad input, `pipeline/…` for bad options and runs that
 *   cannot go on, `method/…` for numerical failure
 */
export async function prune(
  options: PruneOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  try {
    return await withDevice(options.device, listener, (backend) =>
      pruneOn(backend, options, listener, signal),
    );
  } catch (error) {
    if (signal.aborted && !(error instanceof DenoiseError)) {
      throw cancelled(hasRun(workPath(options.out)));
    }
    throw error;
  }
}

/** {@link prune} on a device that is open already, for callers that prune more than once. */
export async function pruneOn(
  backend: Backend,
  options: PruneOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  const checkpoint = await openCheckpoint(options.checkpoint, { signal });
  try {
    const model = openModel(checkpoint);
    const { recipe, notes } = resolveRecipe(options, model);
    if (options.resume) {
      const asked = { options, recipe, checkpoint, signal };
      const finished = await finishedOutput(options.out, (found) => assertMadeBy(found, asked));
      if (finished) return { ...finished, seconds: {} };
    }
    keepOwnFiles(boundaryLayers(recipe, model.config.layers).length > 0);
    const out = await assertOutputAllowed(options.out, checkpoint.root);
    const inputs = await readInputs(options, model, recipe, signal);
    const machine = { device: backend.device, speed: await speedOf() };
    const asked = { maxShardBytes: options.maxShardBytes, out, recipe, inputs };
    const planned = await makePlan(model, asked, machine, [...notes, ...checkpoint.notes]);
    const { plan } = planned;
    refuseImpossible(plan, backend);
    listener({ type: "plan", plan });
    return await runPlanned({
      device: backend.description,
      options,
      model,
      recipe,
      planned,
      inputs,
      listener,
      signal,
      unrotated: (run, onProgress) => pruneWithoutRotation(run, backend, options, onProgress),
    });
  } finally {
    await checkpoint.close();
  }
}

/** The same run with `rotation none`, into the work folder; it resumes what an earlier try has left. */
async function pruneWithoutRotation(
  run: Run,
  backend: Backend,
  options: PruneOptions,
  onProgress: (share: number) => void,
): Promise<string> {
  const out = run.work.scratch("unrotated");
  const finished = await finishedOutput(out);
  if (finished) return finished.output;
  const { output } = await pruneOn(
    backend,
    {
      ...options,
      rotation: { kind: "none" },
      evaluation: undefined,
      tasks: undefined,
      out,
      resume: hasRun(workPath(out)),
    },
    (event) => {
      if (event.type === "progress") onProgress(event.fraction);
    },
    run.signal,
  );
  return output;
}
