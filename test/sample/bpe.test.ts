import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteAlphabet, trainBpe, type Vocabulary } from "../../scripts/sample/bpe.ts";
import { corpus } from "../../scripts/sample/text/index.ts";
import { SPECIALS, tokenizerFiles } from "../../scripts/sample/tokenizerFiles.ts";

const BYTES = 256;
const trained = trainBpe(corpus("train", 100_000), SPECIALS, 600);
const files = tokenizerFiles(trained, 256);
const library = new Tokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);

/** Byte-pair encoding by the book: in each word, merge the best-ranked pair until none is left. */
function encodeByTheBook({ tokens, merges }: Vocabulary, word: string): number[] {
  const alphabet = byteAlphabet();
  let pieces = [...Buffer.from(word)].map((byte) => alphabet[byte] ?? "");
  for (const [left, right] of merges) {
    const next: string[] = [];
    for (const piece of pieces) {
      if (piece === right && next.at(-1) === left) next.splice(-1, 1, left + right);
      else next.push(piece);
    }
    pieces = next;
  }
  return pieces.map((piece) => tokens.indexOf(piece));
}

describe("byteAlphabet", () => {
  it("is one different printable character a byte, as in GPT-2", () => {
    const alphabet = byteAlphabet();
    expect(new Set(alphabet).size).toBe(BYTES);
    expect([alphabet[0x41], alphabet[0x20], alphabet[0x0a], alphabet[0xad]]).toEqual([
      "A",
      "Ġ",
      "Ċ",
      "Ń",
    ]);
  });
});

describe("trainBpe", () => {
  it("merges the most frequent pair first and breaks ties by the pair", () => {
    // " ab" three times, " cb" twice: pairs Ġa 3, ab 3, Ġc 2, cb 2. `ab` sorts before `Ġa`.
    const { merges } = trainBpe(" ab ab ab cb cb", [], BYTES + 4);
    expect(merges).toEqual([
      ["a", "b"],
      ["Ġ", "ab"],
      ["c", "b"],
      ["Ġ", "cb"],
    ]);
  });

  it("never merges across words", () => {
    const { tokens } = trainBpe("x y x y x y", [], BYTES + 2);
    expect(tokens.slice(BYTES)).toEqual(["Ġy", "Ġx"]);
  });

  it("says when the text is too poor", () => {
    expect(() => trainBpe("aa", [], BYTES + 2)).toThrow(RangeError);
  });
});

describe("the tokenizer files", () => {
  it("begin a text with <s> and give every token its own id", () => {
    expect(library.encode("Listen").ids[0]).toBe(0);
    expect(library.encode("Listen", { add_special_tokens: false }).ids[0]).not.toBe(0);
    expect(new Set(trained.tokens).size).toBe(600);
  });

  it("encode as byte-pair encoding by the book does", () => {
    const words = corpus("evaluation", 20_000).match(/ ?[A-Za-z]+/g) ?? [];
    expect(words.length).toBeGreaterThan(1000);
    for (const word of new Set(words)) {
      expect(library.encode(word, { add_special_tokens: false }).ids).toEqual(
        encodeByTheBook(trained, word),
      );
    }
  });

  it("lose nothing of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
        const { ids } = library.encode(text, { add_special_tokens: false });
        // The library's decoder tidies "a ." and the like only when asked to.
        expect(library.decode(ids)).toBe(text);
      }),
    );
  });
});
