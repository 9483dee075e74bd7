import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@huggingface/tokenizers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { openCheckpoint, type Checkpoint } from "../../daemon/checkpoint/index.ts";
import { countNonFinite, openModel } from "../../daemon/model/index.ts";
import { perplexity } from "../../daemon/pipeline/evaluate.ts";
import { evaluationWindows, loadTokenizer } from "../../daemon/text/index.ts";
import { textFiles } from "../../scripts/sample/content.ts";
import { CONTEXT, VOCAB_SIZE } from "../../scripts/sample/modelConfig.ts";
import { initialParameters } from "../../scripts/sample/parameters.ts";
import { SEPARATOR, splitOf } from "../../scripts/sample/text/index.ts";

const FOLDER = fileURLToPath(new URL("../../media/sample/", import.meta.url));
const MAX_BYTES = 4e6;
const read = (name: string) => readFile(FOLDER + name, "utf8");

describe("media/sample", () => {
  it("has the texts, the tokenizer and the configuration that the script makes, byte for byte", async () => {
    for (const [name, content] of textFiles()) expect(await read(name), name).toBe(content);
  });

  it("has calibration and evaluation text of their own splits", async () => {
    for (const split of ["calibration", "evaluation"] as const) {
      const found = (await read(`${split}.txt`)).trimEnd().split(SEPARATOR);
      expect(found.length).toBeGreaterThan(300);
      for (const document of found) expect(splitOf(document)).toBe(split);
    }
  });

  it("tokenises its texts without loss, with ids below the vocabulary size", async () => {
    const library = new Tokenizer(
      JSON.parse(await read("tokenizer.json")) as object,
      JSON.parse(await read("tokenizer_config.json")) as object,
    );
    const ours = await loadTokenizer(FOLDER);
    const text = await read("evaluation.txt");
    const { ids } = library.encode(text);
    expect(ours.encode(text)).toEqual(ids);
    expect(library.decode(ids, { skip_special_tokens: true })).toBe(text);
    expect(Math.max(...ids)).toBeLessThan(VOCAB_SIZE);
    expect(library.get_vocab().size).toBe(VOCAB_SIZE);
  });

  it("is small", async () => {
    const sizes = await Promise.all(
      (await readdir(FOLDER)).map(async (name) => (await stat(FOLDER + name)).size),
    );
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(MAX_BYTES);
  });
});

describe("the sample model", () => {
  let backend: Backend;
  let checkpoint: Checkpoint;
  beforeAll(async () => {
    backend = await openBackend("wasm");
    checkpoint = await openCheckpoint(FOLDER);
  });
  afterAll(async () => {
    await checkpoint.close();
    await backend.dispose();
  });

  it("has the tensors its config promises, all finite bf16, and no others", async () => {
    const { config } = openModel(checkpoint);
    expect(config.shape.kvHeads).toBeLessThan(config.shape.heads);
    expect(config.tied).toBe(true);
    const expected = initialParameters(config, 0);
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { dtype, shape }] of checkpoint.tensors) {
      expect([dtype, shape], name).toEqual(["BF16", expected.get(name)?.shape]);
      expect(countNonFinite(await checkpoint.readFloats(name)), name).toBe(0);
    }
  });

  it("has the perplexity that its README states, on the text that the README names", async () => {
    const text = await readFile(FOLDER + "README.md", "utf8");
    const [, stated = ""] = /\*\*([\d.]+)\*\*/.exec(text) ?? [];
    const sha256 = createHash("sha256")
      .update(await read("evaluation.txt"))
      .digest("hex");
    expect(text).toContain(sha256);

    const tokenizer = await loadTokenizer(FOLDER);
    const set = await evaluationWindows(tokenizer, FOLDER + "evaluation.txt", { seqLen: CONTEXT });
    const never = new AbortController().signal;
    const measured = await perplexity(openModel(checkpoint), set.windows, never, () => undefined);
    expect(measured.tokens).toBe(set.windows.length * (CONTEXT - 1));
    expect(Math.abs(measured.perplexity / Number(stated) - 1)).toBeLessThan(1e-3);
  });
});
