/** DOORWAY: the VS Code that the tests run in, desktop where one is named, else code-server. */
import { CodeServer, noCodeServer } from "./codeServer.ts";
import { Desktop, desktopExecutable, noDesktop } from "./desktop.ts";
import type { Edition, Place } from "./edition.ts";

export { pathsIn, type Edition, type HostRun } from "./edition.ts";

/** Why there is none here; null where there is one. */
export function noEdition(): string | null {
  const executable = desktopExecutable();
  return executable === null ? noCodeServer() : noDesktop(executable);
}

export function edition(place: Place, executable = desktopExecutable()): Edition {
  return executable === null ? new CodeServer(place) : new Desktop(place, executable);
}
