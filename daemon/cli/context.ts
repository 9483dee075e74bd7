/** What every command is given. */
import { STOPPING } from "./cancel.ts";
import type { Interruption } from "./cancel.ts";
import type { Engine } from "./engine.ts";
import type { Io } from "./io.ts";
import { createScreen } from "./terminal/screen.ts";
import type { Screen } from "./terminal/screen.ts";

export interface Context {
  readonly io: Io;
  readonly engine: Engine;
  /** The words after the program's name, as they were typed. */
  readonly argv: readonly string[];
}

/** With `--json` stdout belongs to the one object, and people are told on stderr. */
export const screenFor = ({ io }: Context, json: boolean): Screen =>
  createScreen(json ? io.stderr : io.stdout, io);

/** Interruption of a command that leaves nothing to go on with. */
export const simple = (screen: Screen): Interruption => ({
  announcement: STOPPING,
  print: screen.print,
  release: screen.clear,
});

export const writeJson = ({ io }: Context, value: object): void => {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
};
