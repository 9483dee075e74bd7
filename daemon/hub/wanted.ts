/**
 * Which files of a repository make a checkpoint: weights as safetensors, config, tokenizer, licence. Never pickles, which
 * can run code when opened, nor Python, nor the same weights in other formats.
 */
import { z } from "zod";
import { isCompanionName } from "../checkpoint/index.ts";
import * as errors from "./errors.ts";
import type { Subject } from "./errors.ts";
import type { HubFile } from "./repository.ts";

const CONFIG = "config.json";
const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** Plain names only: what is left means the same as a path, in an address and on every file system. */
const PLAIN = /^\w[\w.+-]*$/;
const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i;

export interface Wanted {
  /** The shard index, which has to be read before the weights are known. */
  readonly index: HubFile | null;
  /** Weights in one file; null where there is an index. */
  readonly single: HubFile | null;
  readonly beside: readonly HubFile[];
}

/** @throws hub/no-config, hub/no-weights, hub/ambiguous-weights */
export function wantedFiles(subject: Subject, listed: readonly HubFile[]): Wanted {
  const files = listed.filter(({ path }) => PLAIN.test(path));
  const named = (name: string) => files.find(({ path }) => path === name);
  if (named(CONFIG) === undefined) throw errors.noConfig(subject);
  const beside = files.filter(({ path }) => path === CONFIG || isCompanionName(path));

  // The order of preference is that of transformers and of the checkpoint room.
  const single = named(SINGLE);
  if (single) return { index: null, single, beside };
  const index = named(INDEX);
  if (index) return { index, single: null, beside };
  const weights = files.filter(({ path }) => path.endsWith(".safetensors"));
  const [only, ...others] = weights;
  if (only === undefined) {
    throw errors.noWeights(subject, listed.find(({ path }) => PICKLE.test(path))?.path);
  }
  if (others.length > 0) {
    throw errors.ambiguousWeights(
      subject,
      weights.map(({ path }) => path),
    );
  }
  return { index: null, single: only, beside };
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The shards that an index names, in its order. @throws hub/bad-index */
export function shardsOf(
  subject: Subject,
  index: HubFile,
  json: string,
  listed: readonly HubFile[],
): readonly HubFile[] {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch {
    throw errors.badIndex(subject, index.path, "it is not JSON");
  }
  const parsed = indexSchema.safeParse(content);
  if (!parsed.success) {
    throw errors.badIndex(subject, index.path, "it has no weight_map of file names");
  }
  const names = [...new Set(Object.values(parsed.data.weight_map))];
  if (names.length === 0) throw errors.badIndex(subject, index.path, "it names no file");
  return names.map((name) => {
    const shard = listed.find(({ path }) => path === name);
    if (shard === undefined || !PLAIN.test(name) || !name.endsWith(".safetensors")) {
      throw errors.badIndex(
        subject,
        index.path,
        `it names ${JSON.stringify(name.slice(0, 200))}, which is no .safetensors file of the repository`,
      );
    }
    return shard;
  });
}
