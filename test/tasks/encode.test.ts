/** Where context ends and continuation begins, on tokenizers people use. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeRequest, modelInput } from "../../daemon/tasks/index.ts";
import { loadTokenizer, type Tokenizer } from "../../daemon/text/index.ts";
import { failing } from "./support.ts";

const load = (family: string) =>
  loadTokenizer(join(import.meta.dirname, "../text/fixtures", family));
const whole = ({ context, continuation }: ReturnType<typeof encodeRequest>) => [
  ...context,
  ...continuation,
];

describe.each(["llama2", "llama3", "mistral", "qwen2"])("%s", (family) => {
  test("context and continuation are the whole text, special tokens once", async () => {
    const tokenizer = await load(family);
    const request = { context: "Question: what?\nAnswer:", continuation: " the sun" };
    const encoded = encodeRequest(tokenizer, request);
    expect(whole(encoded)).toEqual(tokenizer.encode("Question: what?\nAnswer: the sun"));
    expect(encoded.context).toEqual(tokenizer.encode("Question: what?\nAnswer:"));
    expect(tokenizer.decode(encoded.continuation).trim()).toBe("the sun");
  });

  test("spaces that end the context belong to the continuation", async () => {
    const tokenizer = await load(family);
    const moved = encodeRequest(tokenizer, { context: "Answer: ", continuation: "sun" });
    const plain = encodeRequest(tokenizer, { context: "Answer:", continuation: " sun" });
    expect(moved).toEqual(plain);
  });

  test("a text that begins with the special token is not given another", async () => {
    const tokenizer = await load(family);
    const { bosId } = tokenizer;
    if (bosId === null) return;
    const context = `${tokenizer.decode([bosId])}Answer:`;
    const { context: ids } = encodeRequest(tokenizer, { context, continuation: " sun" });
    expect(ids.filter((id) => id === bosId)).toEqual([bosId]);
  });

  test("an empty context is the token that begins texts", async () => {
    const tokenizer = await load(family);
    const prefix = tokenizer.bosId ?? tokenizer.eosId;
    const encoded = encodeRequest(tokenizer, { context: "", continuation: "sun" });
    expect(encoded).toEqual({ context: [prefix], continuation: tokenizer.encodePlain("sun") });
  });
});

test("a token that bridges the line is the continuation's only where the count says so", () => {
  const tokenizer = pairs({});
  const clear = encodeRequest(tokenizer, { context: "ab", continuation: "c" });
  expect(clear).toEqual({ context: [code("ab")], continuation: [code("c")] });
  const bridged = encodeRequest(tokenizer, { context: "abc", continuation: "def" });
  // [ab, c] | [ab, cd, ef]: behind two ids stands [ef], although "d" is not the context's.
  expect(bridged.context).toEqual([code("ab"), code("c")]);
  expect(bridged.continuation).toEqual([code("ef")]);
  // [a] and [ab]: as many ids with the continuation as without.
  expect(failing(() => encodeRequest(tokenizer, { context: "a", continuation: "b" }))).toBe(
    "tasks/empty-continuation",
  );
});

test("an empty context: end of text where there is no beginning, and never twice", () => {
  const request = { context: "", continuation: "ab" };
  const withEos = encodeRequest(pairs({ eosId: 7 }), request);
  expect(withEos).toEqual({ context: [7], continuation: [code("ab")] });
  const begun = encodeRequest(pairs({ bosId: code("ab") }), { context: "", continuation: "abc" });
  expect(begun).toEqual({ context: [code("ab")], continuation: [code("c")] });
  expect(failing(() => encodeRequest(pairs({}), request))).toBe("tasks/no-prefix-token");
});

describe("what the model reads", () => {
  const encoded = { context: [1, 2, 3], continuation: [4, 5] };

  test("all but the last id; the last positions predict the continuation", () => {
    expect(modelInput(encoded, 10, "")).toEqual({
      input: Int32Array.of(1, 2, 3, 4),
      targets: Int32Array.of(4, 5),
      truncated: false,
    });
  });

  test("cut on the left to the context length, one more than it may be scored", () => {
    expect(modelInput(encoded, 4, "").truncated).toBe(false);
    expect(modelInput(encoded, 3, "")).toEqual({
      input: Int32Array.of(2, 3, 4),
      targets: Int32Array.of(4, 5),
      truncated: true,
    });
    expect(modelInput(encoded, 2, "").input).toEqual(Int32Array.of(3, 4));
    expect(failing(() => modelInput(encoded, 1, "x"))).toBe("tasks/continuation-too-long");
  });
});

/** The id of one or two letters; a token is a pair of letters from the start of the text. */
const code = (text: string) => Array.from(text).reduce((sum, c) => sum * 100 + c.charCodeAt(0), 0);

function pairs(special: { bosId?: number; eosId?: number }): Tokenizer {
  const encode = (text: string) => (text.match(/..?/gs) ?? []).map(code);
  return {
    file: "pairs",
    vocabSize: 1e5,
    bosId: null,
    eosId: null,
    encode,
    encodePlain: encode,
    decode: () => "<special>",
    ...special,
  };
}
