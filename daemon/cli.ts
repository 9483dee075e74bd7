#!/usr/bin/env node
/** Entry of the `denoise-rotator` command. */
import { Console } from "node:console";
import { engine, processIo, runCli } from "./cli/index.ts";

// Stdout is for results. Libraries that speak through the console are told to use stderr.
globalThis.console = new Console(process.stderr, process.stderr);

// `denoise-rotator … | head`: the reader left, so there is nobody to work for.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(1);
  throw error;
});

const code = await runCli(process.argv.slice(2), processIo(), engine);
// Devices may hold the process open after their work; everything written is flushed first.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
