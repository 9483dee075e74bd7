/** A hub with models, and folders of one test's own. */
import { mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { DenoiseError } from "../../daemon/errors.ts";
import type { HubOptions } from "../../daemon/hub/index.ts";
import { content, sha256, startHub } from "./fakeHub.ts";
import type { FakeHub, Repository } from "./fakeHub.ts";

export const FIRST = "1".repeat(40);
export const SECOND = "2".repeat(40);
export const LARGE = /\.(safetensors|bin|gz|parquet|model)$/;

/** SHA-256 by name: what {@link contents} of a folder are compared with. */
export const digests = (files: Readonly<Record<string, Buffer>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)]));

const A = "model-00001-of-00002.safetensors";
const B = "model-00002-of-00002.safetensors";

/** A model as people publish it: two shards, and much that no one needs here. */
export const MODEL: Readonly<Record<string, Buffer>> = {
  "config.json": Buffer.from('{"model_type":"llama"}'),
  "generation_config.json": Buffer.from("{}"),
  "model.safetensors.index.json": Buffer.from(
    JSON.stringify({ metadata: {}, weight_map: { "a.weight": A, "b.weight": B, "c.weight": A } }),
  ),
  [A]: content("A", 300_001),
  [B]: content("B", 200_003),
  "tokenizer.json": content("tokenizer", 70_000),
  "tokenizer.model": content("sentencepiece", 9_000),
  "tokenizer_config.json": Buffer.from('{"bos_token":"<s>"}'),
  "special_tokens_map.json": Buffer.from("{}"),
  "merges.txt": Buffer.alloc(0),
  "chat_template.jinja": Buffer.from("{{ messages }}"),
  LICENSE: Buffer.from("Apache-2.0"),
  "USE_POLICY.md": Buffer.from("be good"),
};
export const DIGESTS = digests(MODEL);

export const UNWANTED: Readonly<Record<string, Buffer>> = {
  ".gitattributes": Buffer.from("x"),
  "README.md": Buffer.from("x"),
  "pytorch_model.bin": Buffer.from("x"),
  "consolidated.00.pth": Buffer.from("x"),
  "consolidated.safetensors": Buffer.from("x"),
  "modeling_llama.py": Buffer.from("x"),
  "tokenizer.py": Buffer.from("x"),
  "tokenizer.json.bin": Buffer.from("x"),
  "original/params.json": Buffer.from("x"),
  "license.py": Buffer.from("x"),
};

export const model = (
  files: Readonly<Record<string, Buffer>> = { ...MODEL, ...UNWANTED },
  more: Partial<Repository> = {},
): Repository => ({
  type: "model",
  name: "org/tiny",
  revisions: { main: FIRST },
  commits: { [FIRST]: { ...files } },
  large: LARGE,
  ...more,
});

export interface Bench {
  readonly hub: FakeHub;
  readonly work: string;
  /** Does not exist yet. */
  readonly out: string;
  /** Of the fake hub, with no token to be found anywhere. */
  readonly options: HubOptions;
}

export function setUp(): () => Bench {
  let bench: Bench;
  beforeEach(async () => {
    const hub = await startHub();
    const work = await mkdtemp(join(tmpdir(), "denoise-hub-"));
    await mkdir(join(work, "home"));
    bench = {
      hub,
      work,
      out: join(work, "model"),
      options: {
        endpoint: hub.url,
        env: { HF_HOME: join(work, "home"), XDG_CACHE_HOME: join(work, "cache") },
        retryDelayMs: 1,
      },
    };
  });
  afterEach(async () => {
    await bench.hub.close();
    await rm(bench.work, { recursive: true });
  });
  return () => bench;
}

export async function refusal(run: Promise<unknown>): Promise<DenoiseError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof DenoiseError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** Names and SHA-256 of the files in a folder, but for the source file. */
export async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    if (!name.startsWith(".denoise")) found[name] = sha256(await readFile(join(folder, name)));
  }
  return found;
}
