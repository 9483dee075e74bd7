import { readdir, readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel } from "../../daemon/model/index.ts";
import { evaluate, silent } from "../../daemon/pipeline/index.ts";
import { loadTokenizer } from "../../daemon/text/index.ts";
import { textFiles } from "../../scripts/sample/content.ts";
import { CONTEXT, MODEL_CONFIG, VOCAB_SIZE } from "../../scripts/sample/modelConfig.ts";
import { countParameters, initialParameters } from "../../scripts/sample/parameters.ts";
import { readme } from "../../scripts/sample/readme.ts";
import { RECIPE } from "../../scripts/sample/recipe.ts";
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
  it("has the tensors its config promises, all finite bf16, and no others", async () => {
    const checkpoint = await openCheckpoint(FOLDER);
    const { config } = openModel(checkpoint);
    expect(config.shape.kvHeads).toBeLessThan(config.shape.heads);
    expect(config.tied).toBe(true);
    const expected = initialParameters(config, 0);
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { dtype, shape }] of checkpoint.tensors) {
      expect([dtype, shape], name).toEqual(["BF16", expected.get(name)?.shape]);
      expect((await checkpoint.readFloats(name)).every(Number.isFinite), name).toBe(true);
    }
    await checkpoint.close();
  });

  it("has the README that the script writes, with the perplexity it really has", async () => {
    const text = await read("README.md");
    const [, stated = ""] = /\*\*([\d.]+)\*\*/.exec(text) ?? [];
    const measured = await evaluate(
      { checkpoint: FOLDER, text: [FOLDER + "evaluation.txt"], maxWindows: 64, device: "wasm" },
      silent,
      new AbortController().signal,
    );
    expect(measured.seqLen).toBe(CONTEXT);
    expect(Math.abs(measured.perplexity / Number(stated) - 1)).toBeLessThan(1e-3);
    const parameters = countParameters(initialParameters(MODEL_CONFIG, 0));
    expect(text).toBe(
      readme({ ...measured, parameters, recipe: RECIPE, perplexity: Number(stated) }),
    );
  });
});
