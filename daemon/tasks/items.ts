/** A task's items from its data files. */
import { readRecords } from "../text/index.ts";
import type { TaskName } from "../vocabulary.ts";
import * as errors from "./errors.ts";
import type { Item } from "./task.ts";
import { TASKS } from "./tasks.ts";

/**
 * The first `limit` items of the files, one after the other.
 *
 * @throws tasks/bad-row naming file and line, tasks/no-items, and `text/…` for files that cannot be read
 */
export async function readItems(
  name: TaskName,
  files: readonly string[],
  limit = Infinity,
  signal?: AbortSignal,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (const file of files) {
    for await (const { value, place } of readRecords(file, signal)) {
      if (items.length >= limit) return items;
      const parsed = TASKS[name].row.safeParse(value);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const column = issue?.path.join(".") ?? "";
        throw errors.badRow(place, name, `"${column}": ${issue?.message ?? "not valid"}`);
      }
      items.push(parsed.data);
    }
  }
  if (items.length === 0) throw errors.noItems(name, files);
  return items;
}
