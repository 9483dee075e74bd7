import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutBetweenMerges, mergedPairs } from "../../daemon/text/mergePieces.ts";
import { checkVocabulary, largestId, loadTokenizer } from "../../daemon/text/index.ts";
import { DATA, fixture, hasData, readJson, temporary } from "./support.ts";

interface Case {
  text: string;
  ids: number[];
  plain: number[];
}

interface Bpe {
  model: { merges: string[][]; vocab: Record<string, number> };
}

const newFolder = async (): Promise<string> => {
  const folder = `${temporary("", "")}folder`;
  await mkdir(folder);
  return folder;
};

const FAMILIES = ["llama2", "mistral", "llama3", "qwen2"];

describe.each(FAMILIES)("the %s family", (family) => {
  it("gives the ids of the Rust tokenizers library", async () => {
    const tokenizer = await loadTokenizer(fixture(family));
    for (const { text, ids, plain } of readJson<Case[]>(fixture(family, "expected.json"))) {
      expect({ text, ids: tokenizer.encode(text) }).toEqual({ text, ids });
      expect({ text, ids: tokenizer.encodePlain(text) }).toEqual({ text, ids: plain });
    }
  });

  it("decodes what it encoded", async () => {
    const tokenizer = await loadTokenizer(fixture(family));
    for (const text of ["The lantern carries 23 boats.", "größer 你好 🙂", "a\n\nb  c"]) {
      expect(tokenizer.decode(tokenizer.encodePlain(text))).toBe(text);
    }
    expect(tokenizer.decode([])).toBe("");
  });

  it("knows its special tokens and the size of its vocabulary", async () => {
    const tokenizer = await loadTokenizer(fixture(family));
    const definition = readJson<Bpe & { added_tokens: { id: number; content: string }[] }>(
      fixture(family, "tokenizer.json"),
    );
    const all = { ...definition.model.vocab };
    for (const { id, content } of definition.added_tokens) all[content] = id;
    expect(tokenizer.vocabSize).toBe(Math.max(...Object.values(all)) + 1);
    expect(tokenizer.bosId).toBe(all["<s>"] ?? null);
    expect(tokenizer.eosId).toBe(all["</s>"] ?? all["<|endoftext|>"]);
  });
});

describe("encoding in pieces", () => {
  // Characters that meet at word borders, merge across runs of the space sign, and lie outside the basic plane.
  const text = fc
    .array(
      fc.constantFrom(
        "a",
        "e",
        "h",
        "n",
        "r",
        "s",
        "t",
        "the",
        " ",
        "  ",
        "▁",
        ".",
        "\n",
        "🙂",
        "ß",
        "\ud83d",
        "<s>",
      ),
      {
        maxLength: 60,
      },
    )
    .map((parts) => parts.join(""));

  it.each(["llama2", "mistral"])("equals the library on the uncut text, %s", async (family) => {
    const tokenizer = await loadTokenizer(fixture(family));
    const whole = new Library(
      readJson<object>(fixture(family, "tokenizer.json")),
      readJson<object>(fixture(family, "tokenizer_config.json")),
    );
    fc.assert(
      fc.property(text, (sample) => {
        expect(tokenizer.encode(sample)).toEqual(whole.encode(sample).ids);
      }),
      { numRuns: 2000 },
    );
  });

  it("never cuts inside a token, and joined gives the text", () => {
    const { model } = readJson<Bpe>(fixture("llama2", "tokenizer.json"));
    const pairs = mergedPairs(model);
    for (const [left = "", right = ""] of model.merges) {
      expect(cutBetweenMerges(left + right, pairs)).toEqual([left + right]);
    }
    fc.assert(
      fc.property(text, (sample) => {
        expect(cutBetweenMerges(sample, pairs).join("")).toBe(sample);
      }),
    );
  });

  it("does cut words apart", () => {
    const { model } = readJson<Bpe>(fixture("llama2", "tokenizer.json"));
    const pieces = cutBetweenMerges("▁the▁lantern▁▁carries", mergedPairs(model));
    expect(pieces.length).toBeGreaterThan(2);
    // "▁▁" is a token of this vocabulary: no cut between two signs.
    expect(pieces.some((piece) => piece.includes("▁▁"))).toBe(true);
  });
});

describe("special tokens", () => {
  const withConfig = async (family: string, change: object): Promise<string> => {
    const folder = await newFolder();
    const config = readJson<object>(fixture(family, "tokenizer_config.json"));
    await writeFile(
      path.join(folder, "tokenizer.json"),
      readFileSync(fixture(family, "tokenizer.json")),
    );
    await writeFile(
      path.join(folder, "tokenizer_config.json"),
      JSON.stringify({ ...config, ...change }),
    );
    return folder;
  };

  it("follow add_bos_token and add_eos_token where given, as transformers does", async () => {
    const both = await loadTokenizer(
      await withConfig("llama2", { add_bos_token: true, add_eos_token: true }),
    );
    const plain = both.encodePlain("The harbour");
    expect(both.encode("The harbour")).toEqual([both.bosId, ...plain, both.eosId]);
    const none = await loadTokenizer(await withConfig("llama2", { add_bos_token: false }));
    expect(none.encode("The harbour")).toEqual(plain);
  });

  it("may be named by objects, as older configurations do", async () => {
    const tokenizer = await loadTokenizer(
      await withConfig("llama2", { bos_token: { content: "<s>", lstrip: false } }),
    );
    expect(tokenizer.bosId).toBe(1);
  });
});

describe("bad tokenizer folders", () => {
  const folderWith = async (files: Record<string, string>): Promise<string> => {
    const folder = await newFolder();
    for (const [name, content] of Object.entries(files)) {
      await writeFile(path.join(folder, name), content);
    }
    return folder;
  };
  const definition = (change: object) =>
    JSON.stringify({ ...readJson<object>(fixture("llama2", "tokenizer.json")), ...change });

  it("without a tokenizer: names the folder and what was looked for", async () => {
    const folder = await folderWith({ "config.json": "{}" });
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: "text/tokenizer-missing",
      kind: "input",
      message: expect.stringMatching(
        new RegExp(`${folder}.*tokenizer\\.json, tokenizer_config\\.json.*Copy`),
      ) as string,
    });
  });

  it.each([
    [{ "tokenizer.model": "" }, "tokenizer.model"],
    [{ "vocab.json": "{}", "merges.txt": "" }, "vocab.json and merges.txt"],
  ])("with only older files %o: says how to convert", async (files, named) => {
    const error: unknown = await loadTokenizer(await folderWith(files)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "text/tokenizer-missing" });
    expect(String(error)).toContain(named);
    expect(String(error)).toContain("save_pretrained");
  });

  it.each([
    ["not JSON", "{", "tokenizer-invalid"],
    ["without a model", "{}", "tokenizer-invalid"],
    [
      "with negative ids",
      definition({ model: { type: "BPE", vocab: { a: -1 }, merges: [] } }),
      "tokenizer-invalid",
    ],
    [
      "with an unknown component",
      definition({ normalizer: { type: "Novel" } }),
      "tokenizer-invalid",
    ],
    [
      "with a split the library gets wrong",
      definition({
        pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious" },
      }),
      "tokenizer-unsupported",
    ],
    [
      "with a splitting Metaspace inside a sequence, and merges across its sign",
      definition({
        pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Metaspace", split: true }] },
      }),
      "tokenizer-unsupported",
    ],
  ])("%s: a coded error that names the file", async (_, content, code) => {
    const folder = await folderWith({ "tokenizer.json": content });
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: `text/${code}`,
      message: expect.stringContaining(path.join(folder, "tokenizer.json")) as string,
    });
  });

  it("names the part of the file that is wrong", async () => {
    for (const [content, part] of [
      ["{}", '"model"'],
      [definition({ added_tokens: [{ id: -1, content: "x" }] }), '"added_tokens.0.id"'],
      ["[]", "no JSON object"],
    ] as const) {
      const error: unknown = await loadTokenizer(
        await folderWith({ "tokenizer.json": content }),
      ).catch((e: unknown) => e);
      expect(String(error)).toContain(part);
    }
  });

  it("that do not exist", async () => {
    await expect(loadTokenizer("/nowhere/model")).rejects.toMatchObject({
      code: "text/file-missing",
    });
  });

  it("with a vocabulary that lacks a character and names no unknown token", async () => {
    const folder = await folderWith({
      "tokenizer.json": definition({
        post_processor: {
          type: "TemplateProcessing",
          single: [{ Sequence: { id: "A", type_id: 0 } }],
          pair: [],
        },
        model: { type: "WordPiece", vocab: { "[UNK]": 0, a: 1 }, unk_token: "[GONE]" },
        added_tokens: [],
        normalizer: null,
      }),
    });
    const tokenizer = await loadTokenizer(folder);
    expect(() => tokenizer.encode("b")).toThrow(
      expect.objectContaining({ code: "text/token-without-id" }) as Error,
    );
  });
});

describe("vocabulary check", () => {
  it("passes the last embedding and refuses the next id", () => {
    checkVocabulary(511, 512);
    expect(() => {
      checkVocabulary(512, 512, "tokenizer.json");
    }).toThrow(/tokenizer\.json.*512.*0 to 511/s);
    expect(largestId(Int32Array.from([3, 9, 4]))).toBe(9);
    expect(largestId([])).toBe(-1);
  });
});

describe.skipIf(!hasData)("stories260K (needs ../shared/data)", () => {
  interface Expected {
    prompt: string;
    input_ids: number[];
  }

  it.each(["stories260K", "stories260K-qwen2", "stories260K-mistral"])(
    "%s: the prompt's ids of expected.json",
    async (model) => {
      const folder = path.join(DATA, model);
      const { prompt, input_ids } = readJson<Expected>(path.join(folder, "expected.json"));
      expect((await loadTokenizer(folder)).encode(prompt)).toEqual(input_ids);
    },
  );

  it.each(["train", "valid"])("the prototype's ids of the %s excerpt", async (part) => {
    const tokenizer = await loadTokenizer(path.join(DATA, "stories260K"));
    const text = readFileSync(path.join(DATA, `text/tinystories.${part}-excerpt.txt`), "utf8");
    const reference = readJson<number[]>(path.join(DATA, `../peer/stories260K.${part}.ids.json`));
    expect(tokenizer.encode(text.slice(0, 300_000))).toEqual(reference);
  });

  it("the ids of real text, whole or in pieces", async () => {
    const folder = path.join(DATA, "stories260K");
    const tokenizer = await loadTokenizer(folder);
    const whole = new Library(
      readJson<object>(path.join(folder, "tokenizer.json")),
      readJson<object>(path.join(folder, "tokenizer_config.json")),
    );
    const text = readFileSync(path.join(DATA, "text/wikitext2.test.raw.txt"), "utf8").slice(
      0,
      200_000,
    );
    expect(tokenizer.encode(text)).toEqual(whole.encode(text).ids);
  });
});
