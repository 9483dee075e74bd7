/** What a run names but has not got: texts of the field, and the data of tasks. */
import type { TaskName } from "../vocabulary.ts";
import type { DatasetOptions } from "./cached.ts";
import { resolveTextFiles, textFilesAtHand } from "./datasets.ts";
import { fetchTaskData } from "./taskData.ts";

/** The options of a run that may name something to be fetched. */
export interface NamedInputs {
  readonly calibration?: readonly string[];
  readonly evaluation?: { readonly files: readonly string[] };
  readonly tasks?: { readonly tasks: readonly TaskName[]; readonly taskData?: string };
}

/**
 * The same options with paths in the places of names such as `c4`, and a place of the tasks' data.
 * @throws as `resolveTextFiles` and `fetchTaskData`
 */
export async function fetchInputs<T extends NamedInputs>(
  inputs: T,
  options: DatasetOptions,
): Promise<T> {
  const { calibration, evaluation, tasks } = inputs;
  return {
    ...inputs,
    ...(calibration && {
      calibration: await resolveTextFiles(calibration, "calibration", options),
    }),
    ...(evaluation && {
      evaluation: {
        ...evaluation,
        files: await resolveTextFiles(evaluation.files, "evaluation", options),
      },
    }),
    ...(tasks && {
      tasks: { ...tasks, taskData: tasks.taskData ?? (await fetchTaskData(tasks.tasks, options)) },
    }),
  };
}

/**
 * The same options without what would have to be fetched, for a plan, which fetches nothing: no calibration text is an
 * empty list then.
 */
export async function inputsAtHand<T extends NamedInputs>(
  inputs: T,
  options: DatasetOptions = {},
): Promise<T> {
  const { calibration, evaluation, tasks, ...others } = inputs;
  const texts = evaluation && (await textFilesAtHand(evaluation.files, "evaluation", options));
  return {
    ...others,
    ...(calibration && { calibration: await textFilesAtHand(calibration, "calibration", options) }),
    ...(texts?.length && { evaluation: { ...evaluation, files: texts } }),
    ...(tasks?.taskData !== undefined && { tasks }),
  } as T;
}
