/** A real daemon with a pruning of the bundled sample, for pages to look at. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { CancellationToken } from "vscode-jsonrpc";
import { PRUNE, type RecipeFile } from "../../daemon/protocol.ts";
import type { Requests } from "../../extension/panels/answers.ts";
import { DaemonError, daemonErrorOf } from "../../extension/errors.ts";
import type { Client } from "../daemon/harness.ts";

export const SAMPLE = fileURLToPath(new URL("../../media/sample", import.meta.url));

/** The client as the panels know it. */
export function requestsOf(client: Client): Requests<CancellationToken> {
  return {
    async request(type, params, token) {
      try {
        return await client.ask(type, params, token);
      } catch (error) {
        throw daemonErrorOf(error);
      }
    },
  };
}

/** Queues a short pruning of the sample. @returns the job's id */
export async function pruneSample(
  client: Client,
  out: string,
  more: Partial<RecipeFile> = {},
): Promise<string> {
  const recipe: RecipeFile = {
    checkpoint: SAMPLE,
    out: join(out, "pruned"),
    method: "wanda",
    sparsity: "2:4",
    steps: 40,
    samples: 8,
    seqLen: 64,
    device: "wasm",
    ...more,
  };
  const { id } = await client.ask(PRUNE, { recipe });
  return id;
}

export { DaemonError };
