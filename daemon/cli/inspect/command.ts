/** `denoise-rotator inspect`: any valid safetensors checkpoint, language model or not. */
import { openCheckpoint } from "../../checkpoint/index.ts";
import type { Checkpoint } from "../../checkpoint/index.ts";
import { interruptible } from "../cancel.ts";
import { screenFor, simple, writeJson } from "../context.ts";
import type { Context } from "../context.ts";
import { noSuchTensor } from "../errors.ts";
import type { InspectRequest } from "../options.ts";
import { nearest } from "./nearest.ts";
import { overviewJson, overviewLines } from "./overview.ts";
import { scan } from "./scan.ts";
import { examine, tensorJson, tensorLines } from "./tensor.ts";

/** Without being asked, data of checkpoints up to this size is read: some seconds on a common disk. */
const READ_UNASKED_BYTES = 8e9;

export async function inspectCommand(context: Context, request: InspectRequest): Promise<void> {
  const screen = screenFor(context, request.json);
  await interruptible(context.io, simple(screen), async (signal) => {
    const checkpoint = await openCheckpoint(request.checkpoint, { signal });
    try {
      if (request.tensor === undefined) await showAll(checkpoint, signal);
      else await showOne(checkpoint, request.tensor, signal);
    } finally {
      screen.clear();
      await checkpoint.close();
    }
  });

  async function showAll(checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
    const bytes = [...checkpoint.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
    // Programs get what the object promises; people who only look are not made to wait for a large disk read.
    const wanted = request.statistics ?? (request.json || bytes <= READ_UNASKED_BYTES);
    const found = wanted ? await scan(checkpoint, screen, context.io, signal) : null;
    if (request.json) writeJson(context, overviewJson(checkpoint, found));
    else screen.print(...overviewLines(checkpoint, found, request.all, screen.style));
  }

  async function showOne(checkpoint: Checkpoint, name: string, signal: AbortSignal): Promise<void> {
    const entry = checkpoint.tensors.get(name);
    if (!entry) throw noSuchTensor(name, nearest(name, [...checkpoint.tensors.keys()]));
    const examined = await examine(checkpoint, entry, signal);
    if (request.json) writeJson(context, tensorJson(entry, examined));
    else screen.print(...tensorLines(entry, examined, screen.style, screen.columns));
  }
}
