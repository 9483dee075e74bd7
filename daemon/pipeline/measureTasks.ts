/** The accuracies of a report: every task for every model that it compares. */
import { HARNESS } from "../tasks/index.ts";
import type { TaskReport, TaskRow } from "../report.ts";
import { answerTasks, type AskedTasks } from "./askTasks.ts";
import { measuredLabels, measuredPart, withMeasured, type Measured } from "./measured.ts";
import type { Run } from "./run.ts";

/** @param baseline whether the model pruned without rotation is measured too */
export async function measureTasks(
  run: Run,
  asked: AskedTasks,
  baseline: boolean,
  measured: Measured,
): Promise<TaskReport> {
  const rows: TaskRow[] = [...(await run.work.readTasks())];
  for (const label of measuredLabels(run.recipe, baseline)) {
    if (rows.some((row) => row.label === label)) {
      run.progress.skipPart("evaluate", measuredPart("tasks", label));
      continue;
    }
    const { signal } = run;
    const { tasks } = await withMeasured(run, ["tasks", label], measured, (model, onProgress) =>
      answerTasks(model, asked, { signal, onProgress }),
    );
    for (const { task, version, items, figures, files } of tasks) {
      const data = files.map(({ sha256 }) => sha256);
      rows.push({ label, task, version, items, figures, dataSha256: data });
    }
    await run.work.writeTasks(rows);
  }
  return { harness: HARNESS, rows };
}
