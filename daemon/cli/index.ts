/** Doorway of the command line. */
export { engine, type Engine } from "./engine.ts";
export { processIo, type Io, type Output } from "./io.ts";
export { runCli } from "./run.ts";
