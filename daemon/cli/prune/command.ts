/** `denoise-rotator prune` */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runFilePath, workPath } from "../../runFiles.ts";
import { shellWord } from "../../wording.ts";
import { interruptible } from "../cancel.ts";
import { screenFor, simple, writeJson } from "../context.ts";
import type { Context } from "../context.ts";
import type { PruneRequest } from "../options.ts";
import { fetched } from "../fetched.ts";
import { plannedTensors, planSummary, shortageLines } from "./planView.ts";
import { createRunView } from "./runView.ts";
import { summary, summaryJson } from "./summary.ts";

/** @returns the exit code: 2 for a plan whose run would be refused */
export async function pruneCommand(context: Context, request: PruneRequest): Promise<0 | 2> {
  if (request.dryRun) return dryRun(context, request);
  await run(context, request);
  return 0;
}

async function dryRun(context: Context, { options, json }: PruneRequest): Promise<0 | 2> {
  const screen = screenFor(context, json);
  const plan = await interruptible(context.io, simple(screen), (signal) =>
    context.engine.planPrune(options, signal, { env: context.io.env }),
  );
  const { style, columns } = screen;
  if (json) {
    writeJson(context, plan);
    screen.print(...shortageLines(plan, style, columns));
  } else screen.print(...planSummary(plan, style, columns), ...plannedTensors(plan, style));
  // The plan is the answer; a script still learns that the run would be refused.
  return plan.shortages.length > 0 ? 2 : 0;
}

async function run(context: Context, { options: asked, json }: PruneRequest): Promise<void> {
  const { io, engine } = context;
  const screen = screenFor(context, json);
  const options = await fetched(context, screen, asked);
  const view = createRunView(screen, () => io.now());
  const resume = [io.program, ...context.argv.map(shellWord)].join(" ");
  const interruption = {
    announcement: [
      "",
      "  Stopping; finished layers are kept. To go on later:",
      `  ${resume}${options.resume === true ? "" : " --resume"}`,
    ],
    nothingKept: () => !existsSync(runFilePath(workPath(options.out))),
    print: screen.print,
    release: view.close,
  };
  try {
    const result = await interruptible(io, interruption, (signal) =>
      engine.prune(options, view.listener, signal),
    );
    view.close();
    const reports = REPORTS.map((name) => join(result.output, name)).filter((file) =>
      existsSync(file),
    );
    if (json) writeJson(context, summaryJson(result, reports));
    else screen.print(...summary(result, reports, screen.columns, screen.style));
  } finally {
    view.close();
  }
}

/** Written into the output folder by the pipeline. */
const REPORTS = ["denoise-report.html", "denoise-report.json"];
