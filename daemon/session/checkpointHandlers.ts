/** Looking into checkpoints, planning, and the daemon itself. */
import type { Connection } from "vscode-languageserver";
import { z } from "zod";
import { isFloatDType, tensorStatistics } from "../checkpoint/index.ts";
import { INSPECT, STATISTICS, TILE } from "../protocol/checkpoints.ts";
import { MATRIX_TILE } from "../protocol/jobs.ts";
import { PLAN, READ_RECIPE } from "../protocol/recipes.ts";
import { DEVICES, RETIRE, STATUS } from "../protocol/server.ts";
import { pruneOptions, readRecipe } from "../recipe/index.ts";
import { inspect, readMatrixTile, readTile, valueHistogram } from "../tiles/index.ts";
import type { Context } from "./context.ts";
import * as params from "./params.ts";
import { handle, type Call } from "./requests.ts";

export function handleCheckpoints(connection: Connection, context: Context): void {
  const { helper, checkpoints, jobs } = context;

  handle(connection, STATUS, params.none, () => context.status());
  handle(connection, RETIRE, params.retire, ({ successor }) => ({
    retired: context.retire(successor ?? null),
  }));
  handle(connection, DEVICES, params.devices, async ({ refresh }, { signal }) => ({
    devices: await context.devices(refresh ?? false, signal),
  }));

  connection.onDidChangeConfiguration(({ settings }) => {
    const parsed = params.settings.safeParse(settings);
    if (parsed.success) context.configure(parsed.data);
    else console.error(`Settings of a client are not taken: ${z.prettifyError(parsed.error)}`);
  });

  handle(connection, READ_RECIPE, params.recipeSource, async (source) => ({
    recipe: await readRecipe(source),
  }));
  handle(connection, PLAN, params.plan, (source, call) =>
    withProgress(call, "Planning", async () =>
      helper.ask("plan", pruneOptions(await readRecipe(source)), call.signal),
    ),
  );

  handle(connection, INSPECT, params.inspect, ({ checkpoint }, call) =>
    withProgress(call, "Reading headers", () =>
      checkpoints.with(checkpoint, (opened) => Promise.resolve(inspect(opened))),
    ),
  );
  handle(connection, STATISTICS, params.statistics, ({ checkpoint, tensor }, call) =>
    withProgress(call, tensor, () =>
      checkpoints.with(checkpoint, async (opened) => {
        const { signal } = call;
        const statistics = await tensorStatistics(opened, tensor, { signal });
        const entry = opened.tensors.get(tensor);
        const isFloat = entry !== undefined && isFloatDType(entry.dtype);
        return {
          statistics,
          histogram: isFloat ? await valueHistogram(opened, tensor, statistics, signal) : null,
        };
      }),
    ),
  );
  handle(connection, MATRIX_TILE, params.matrixTile, ({ source, ...asked }, { signal }) =>
    readMatrixTile(checkpoints, jobs.filesOf(source, asked.layer), asked, signal),
  );
  handle(connection, TILE, params.tile, ({ source, ...asked }, { signal }) => {
    const path = "job" in source ? jobs.checkpointOf(source.job, asked.tensor) : source.checkpoint;
    return checkpoints.with(path, (opened) => readTile(opened, asked, signal));
  });
}

async function withProgress<R>(
  { progress }: Call,
  title: string,
  work: () => Promise<R>,
): Promise<R> {
  progress.begin(title, undefined, undefined, true);
  try {
    return await work();
  } finally {
    progress.done();
  }
}
