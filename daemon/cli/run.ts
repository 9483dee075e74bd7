/** A command line from its words to its exit code: the one place of this side where errors end. */
import { CommanderError } from "commander";
import { DenoiseError, exitCode } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { writeJson } from "./context.ts";
import { demoCommand } from "./demo/command.ts";
import { devicesCommand } from "./devices.ts";
import { downloadCommand } from "./download.ts";
import type { Engine } from "./engine.ts";
import { badUsage } from "./errors.ts";
import { evalCommand } from "./eval.ts";
import { inspectCommand } from "./inspect/command.ts";
import type { Io } from "./io.ts";
import { parseEval } from "./evalOptions.ts";
import { parseDemo, parseDownload, parseInspect, parsePrune } from "./options.ts";
import { createProgram } from "./program.ts";
import type { Actions } from "./program.ts";
import { pruneCommand } from "./prune/command.ts";
import { createStyle, hasColors } from "./terminal/style.ts";
import type { Style } from "./terminal/style.ts";
import { printable } from "./terminal/text.ts";

const DEBUG = "DENOISE_ROTATOR_DEBUG";

/** Runs the command that `argv` (without program and script) names. Never throws. @returns the exit code */
export async function runCli(argv: readonly string[], io: Io, engine: Engine): Promise<number> {
  const context: Context = { io, engine, argv };
  let code: 0 | 2 = 0;
  const actions: Actions = {
    prune: async (checkpoint, raw) => {
      code = await pruneCommand(context, parsePrune(checkpoint, raw));
    },
    eval: (checkpoint, raw) => evalCommand(context, parseEval(checkpoint, raw)),
    inspect: (checkpoint, raw) => inspectCommand(context, parseInspect(checkpoint, raw)),
    download: (repository, raw) => downloadCommand(context, parseDownload(repository, raw)),
    devices: (raw) => devicesCommand(context, raw.json === true),
    demo: (raw) => demoCommand(context, parseDemo(raw)),
  };
  try {
    await parse(argv, io, actions);
    return code;
  } catch (error) {
    if (argv.includes("--json")) writeJson(context, errorJson(error));
    io.stderr.write(errorText(error, io.env, createStyle(io.stderr, io.env)));
    return exitCode(error);
  }
}

async function parse(argv: readonly string[], io: Io, actions: Actions): Promise<void> {
  const columns = Math.min(io.stdout.columns ?? 110, 110);
  const program = createProgram(
    VERSION,
    actions,
    {
      writeOut: (text) => io.stdout.write(text),
      // What is wrong comes back as the error thrown; help that was not asked for goes to stderr.
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      getOutHasColors: () => hasColors(io.stdout, io.env),
      getErrHasColors: () => hasColors(io.stderr, io.env),
    },
    createStyle(io.stdout, io.env),
  );
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Asked-for help and version are no failure; they were printed on the way.
    if (error.exitCode === 0) return;
    const command = program.commands.find((candidate) => candidate.name() === argv[0]);
    const called = ["denoise-rotator", ...(command ? [command.name()] : []), "--help"].join(" ");
    throw badUsage(sentence(error), called);
  }
}

/** commander's `error: unknown option '--x'` as a sentence; no command at all is said in our words. */
function sentence({ code, message }: CommanderError): string {
  if (code === "commander.help") return "A command is needed.";
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.)?]$/.test(capital) ? capital : `${capital}.`;
}

const errorJson = (error: unknown) => ({
  error:
    error instanceof DenoiseError
      ? { code: error.code, message: error.message }
      : { code: "internal", message: String(error) },
});

function errorText(error: unknown, env: Io["env"], style: Style): string {
  const stack = error instanceof Error && env[DEBUG] ? `${stackOf(error)}\n` : "";
  if (error instanceof DenoiseError) {
    const message = printable(error.message);
    const text =
      error.kind === "cancelled" ? style.yellow(message) : `${style.red("error:")} ${message}`;
    return `${text} ${style.dim(`[${error.code}]`)}\n${stack}`;
  }
  const hint = env[DEBUG]
    ? "Please report it with this stack."
    : `Please report it with the output of the same command under ${DEBUG}=1.`;
  return `${style.red("internal error:")} ${printable(String(error))}\n${stack}${style.dim(hint)}\n`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? String(error)}${cause}`;
}
