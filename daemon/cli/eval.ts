/** `denoise-rotator eval` */
import { interruptible } from "./cancel.ts";
import { screenFor, simple, writeJson } from "./context.ts";
import type { Context } from "./context.ts";
import type { EvalRequest } from "./options.ts";
import { createRunView } from "./prune/runView.ts";
import { facts } from "./terminal/facts.ts";
import { duration, integer, significant } from "./terminal/numbers.ts";

export async function evalCommand(context: Context, { options, json }: EvalRequest): Promise<void> {
  const { io, engine } = context;
  const screen = screenFor(context, json);
  const view = createRunView(screen, () => io.now());
  try {
    const result = await interruptible(io, simple(screen), (signal) =>
      engine.evaluate(options, view.listener, signal),
    );
    view.close();
    if (json) {
      writeJson(context, result);
      return;
    }
    const { style } = screen;
    screen.print(
      "",
      ...facts(
        [
          ["perplexity", style.bold(significant(result.perplexity))],
          [
            "scored",
            `${integer(result.tokens)} tokens in ${integer(result.windows)} windows of ${integer(result.seqLen)}`,
          ],
          ["text", `sha256 ${result.textSha256}`],
          ["time", duration(result.seconds)],
        ],
        screen.columns,
        style,
      ),
      "",
    );
  } finally {
    view.close();
  }
}
