/** What a run names but has not got: texts of the field, and the data of tasks. */
import type { TaskName } from "../vocabulary.ts";
import type { DatasetOptions } from "./cached.ts";
import { resolveTextFiles, textFilesAtHand, type TextUse } from "./datasets.ts";
import { fetchTaskData, taskDataAtHand } from "./taskData.ts";

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

/** The options of a plan, which fetches nothing. */
export interface InputsAtHand<T extends NamedInputs> {
  /** Without what would have to be fetched: no calibration text is an empty list then. */
  readonly inputs: T;
  /** What that is, in words. */
  readonly missing: readonly string[];
}

export async function inputsAtHand<T extends NamedInputs>(
  inputs: T,
  options: DatasetOptions = {},
): Promise<InputsAtHand<T>> {
  const { calibration, evaluation, tasks, ...others } = inputs;
  const missing: string[] = [];
  const textsAtHand = async (files: readonly string[], use: TextUse) => {
    const found = await textFilesAtHand(files, use, options);
    if (found.length < files.length) missing.push(`the ${use} text`);
    return found;
  };
  const texts = evaluation && (await textsAtHand(evaluation.files, "evaluation"));
  const data = tasks && (tasks.taskData ?? (await taskDataAtHand(tasks.tasks, options)));
  if (data === null) missing.push("the data of the tasks");
  const atHand = {
    ...others,
    ...(calibration && { calibration: await textsAtHand(calibration, "calibration") }),
    ...(texts?.length && { evaluation: { ...evaluation, files: texts } }),
    ...(typeof data === "string" && { tasks: { ...tasks, taskData: data } }),
  } as T;
  return { inputs: atHand, missing };
}
