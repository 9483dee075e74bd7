/** A machine that consists of the files named. */
import type { Machine } from "../../../daemon/backend/machine.ts";

export function machine(
  files: readonly string[],
  env: NodeJS.ProcessEnv = {},
  platform: NodeJS.Platform = "linux",
): Machine {
  const names = (folder: string): string[] =>
    files
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => file.slice(folder.length + 1).split("/")[0] ?? "");
  return { platform, env, list: (folder) => [...new Set(names(folder))].sort() };
}
