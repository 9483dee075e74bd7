/** `denoise-rotator eval` */
import { open, rm } from "node:fs/promises";
import { outputError } from "../checkpoint/index.ts";
import type { EvaluateResult, EvaluateTasksResult, RunListener } from "../pipeline/index.ts";
import { interruptible } from "./cancel.ts";
import { screenFor, simple, writeJson } from "./context.ts";
import type { Context } from "./context.ts";
import type { EvalRequest } from "./evalOptions.ts";
import { createRunView } from "./prune/runView.ts";
import { taskFacts, taskJson, taskTable } from "./tasksView.ts";
import { facts } from "./terminal/facts.ts";
import type { Fact } from "./terminal/facts.ts";
import { duration, integer, significant } from "./terminal/numbers.ts";
import type { Screen } from "./terminal/screen.ts";
import type { Style } from "./terminal/style.ts";
import { fetched } from "./fetched.ts";

export async function evalCommand(context: Context, request: EvalRequest): Promise<void> {
  const { io, engine } = context;
  const { tasks: asked, logSamples, json } = request;
  const screen = screenFor(context, json);
  const inputs = await fetched(context, screen, {
    ...(request.options && { evaluation: { files: request.options.text } }),
    ...(asked && { tasks: asked }),
  });
  const options = request.options && {
    ...request.options,
    text: inputs.evaluation?.files ?? request.options.text,
  };
  const tasksAsked = inputs.tasks;
  const samples = logSamples === undefined ? null : await openLog(logSamples);
  const [perplexity, tasks] = await interruptible(
    io,
    simple(screen),
    async (signal) =>
      [
        options && (await watched(context, screen, (l) => engine.evaluate(options, l, signal))),
        tasksAsked &&
          (await watched(context, screen, (l) => engine.evaluateTasks(tasksAsked, l, signal))),
      ] as const,
  ).catch(async (error: unknown) => {
    await samples?.discard();
    throw error;
  });
  if (tasks) await samples?.write(tasks.samples);
  if (json) writeJson(context, { ...perplexity, ...(tasks && { tasks: taskJson(tasks) }) });
  else print(screen, perplexity, tasks);
}

/** Shows one measurement while it goes on. */
async function watched<T>(
  { io }: Context,
  screen: Screen,
  work: (listener: RunListener) => Promise<T>,
): Promise<T> {
  const view = createRunView(screen, () => io.now());
  try {
    return await work(view.listener);
  } finally {
    view.close();
  }
}

function print(
  screen: Screen,
  perplexity: EvaluateResult | undefined,
  tasks: EvaluateTasksResult | undefined,
): void {
  const { style, columns } = screen;
  if (perplexity) {
    screen.print("", ...facts(perplexityFacts(perplexity, style), columns, style));
  }
  if (tasks) {
    screen.print("", ...taskTable(tasks, style), "", ...facts(taskFacts(tasks), columns, style));
  }
  screen.print("");
}

const perplexityFacts = (result: EvaluateResult, style: Style): readonly Fact[] => [
  ["perplexity", style.bold(significant(result.perplexity))],
  [
    "scored",
    `${integer(result.tokens)} tokens in ${integer(result.windows)} windows of ${integer(result.seqLen)}`,
  ],
  ["text", `sha256 ${result.textSha256}`],
  ["time", duration(result.seconds)],
];

/** Opened before the work, so that a place that cannot be written is told at once. */
async function openLog(path: string) {
  const guarded = async <T>(bytes: number, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw outputError(path, bytes, error);
    }
  };
  const handle = await guarded(0, () => open(path, "w"));
  return {
    async write(samples: readonly object[]): Promise<void> {
      const text = samples.map((sample) => `${JSON.stringify(sample)}\n`).join("");
      await guarded(text.length, () => handle.writeFile(text));
      await handle.close();
    },
    async discard(): Promise<void> {
      await handle.close();
      await rm(path, { force: true });
    },
  };
}
