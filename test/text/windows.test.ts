import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  evaluationWindows,
  loadTokenizer,
  sampleCalibration,
  type CalibrationOptions,
  type Tokenizer,
} from "../../daemon/text/index.ts";
import { DATA, fixture, hasData, readJson, temporary } from "./support.ts";

const BOS = 0;

/** One id a character, its UTF-16 unit, and a start token: windows can be read back as text. */
const characters: Tokenizer = {
  file: "characters",
  vocabSize: 65536,
  bosId: BOS,
  eosId: null,
  encode: (text) => [BOS, ...characters.encodePlain(text)],
  encodePlain: (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)),
  decode: (ids) => String.fromCharCode(...ids),
};

/** One id for every thousand characters: long texts at little cost. */
const coarse: Tokenizer = {
  ...characters,
  encode: (text) => Array.from({ length: Math.floor(text.length / 1000) }, (_, i) => i % 1000),
};

const options = (change: Partial<CalibrationOptions> = {}): CalibrationOptions => ({
  samples: 4,
  seqLen: 5,
  sampling: "random",
  seed: 0,
  ...change,
});

const jsonLines = (texts: string[]) =>
  texts.map((text) => `${JSON.stringify({ text })}\n`).join("");
const asText = (window: Int32Array) => characters.decode([...window]);
const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("sequential calibration", () => {
  const sequential = options({ sampling: "sequential" });

  it("cuts the text from its start, special tokens once", async () => {
    const file = temporary("a.txt", "abcdefghijklmnopqrstuvwxyz");
    const { windows, source } = await sampleCalibration(characters, [file], sequential);
    expect(windows.map(asText)).toEqual(["\0abcd", "efghi", "jklmn", "opqrs"]);
    expect(source).toMatchObject({ cutFrom: "joined text", documents: 1, tokens: 27 });
  });

  it("joins documents and files by a blank line, empty documents too", async () => {
    const json = temporary("a.jsonl", jsonLines(["one", "", "two"]));
    const { windows, source } = await sampleCalibration(
      characters,
      [json, temporary("b.txt", "three...")],
      sequential,
    );
    expect(windows.map(asText).join("")).toBe("\0one\n\n\n\ntwo\n\nthree..");
    expect(source.documents).toBe(4);
  });

  it("does not depend on the seed", async () => {
    const file = temporary("a.txt", "abcdefghijklmnopqrstuvwxyz");
    const [a, b] = await Promise.all(
      [1, 2].map((seed) => sampleCalibration(characters, [file], { ...sequential, seed })),
    );
    expect(a?.windows).toEqual(b?.windows);
  });

  it("takes a text of exactly enough tokens, and refuses one token fewer", async () => {
    const exact = temporary("a.txt", "x".repeat(19));
    expect((await sampleCalibration(characters, [exact], sequential)).windows.length).toBe(4);
    const short = temporary("b.txt", "x".repeat(18));
    await expect(sampleCalibration(characters, [short], sequential)).rejects.toMatchObject({
      code: "text/too-short",
      kind: "input",
      message: expect.stringMatching(
        new RegExp(`${path.basename(short)}: the text has 19 tokens, 20 are needed`),
      ) as string,
    });
  });
});

describe("random calibration from one text", () => {
  const text = Array.from({ length: 200 }, (_, i) => String.fromCharCode(0x100 + i)).join("");

  it("cuts whole windows of the text, the same for the same seed only", async () => {
    const file = temporary("a.txt", text);
    const take = async (seed: number) =>
      (await sampleCalibration(characters, [file], options({ samples: 20, seed }))).windows;
    const windows = await take(1);
    expect(windows.length).toBe(20);
    for (const window of windows) expect(`\0${text}`).toContain(asText(window));
    expect(await take(1)).toEqual(windows);
    expect(await take(2)).not.toEqual(windows);
  });

  it("reaches every start, the first and the last included", async () => {
    const file = temporary("a.txt", "abcdef");
    const { windows } = await sampleCalibration(characters, [file], options({ samples: 200 }));
    expect(new Set(windows.map(asText))).toEqual(new Set(["\0abcd", "abcde", "bcdef"]));
  });

  it("refuses a text shorter than one window", async () => {
    const file = temporary("a.txt", "abc");
    await expect(sampleCalibration(characters, [file], options())).rejects.toMatchObject({
      code: "text/too-short",
      message: expect.stringContaining("4 tokens, 5 are needed") as string,
    });
  });
});

describe("random calibration from many documents", () => {
  // Each document is one repeated character of its own, with one token more for the start.
  const repeated = (lengths: number[]) =>
    lengths.map((length, i) => String.fromCharCode(0x100 + i).repeat(length));

  it("takes one window inside each of the drawn documents, all longer than a window", async () => {
    // Five tokens with the start token is not longer than five: only lengths of 5 and more qualify.
    const documents = repeated([3, 5, 9, 4, 30, 1, 7, 4, 6, 50]);
    const long = new Set(documents.filter((text) => text.length >= 5).map((text) => text[0]));
    const file = temporary("a.jsonl", jsonLines(documents));
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 20; seed++) {
      const { windows, source } = await sampleCalibration(characters, [file], options({ seed }));
      const owners = windows.map((window) => new Set(asText(window).replace("\0", "")));
      for (const owner of owners) expect(owner.size).toBe(1);
      const drawn = new Set(owners.flatMap((owner) => [...owner]));
      expect(drawn.size).toBe(4);
      expect(source).toMatchObject({ cutFrom: "documents", documents: 10 });
      for (const character of drawn) seen.add(character);
    }
    // Twenty draws of 4 in 6 find every long document, and no short one.
    expect(seen).toEqual(long);
  });

  it("repeats by seed", async () => {
    const file = temporary("a.jsonl", jsonLines(repeated(new Array<number>(50).fill(20))));
    const take = async (seed: number) =>
      (await sampleCalibration(characters, [file], options({ seed }))).windows;
    expect(await take(1)).toEqual(await take(1));
    expect(await take(1)).not.toEqual(await take(2));
  });

  it("falls back on the joined text where too few are long enough", async () => {
    const documents = ["abcdefgh", "ij", "kl", "mn"];
    const file = temporary("a.jsonl", jsonLines(documents));
    const { windows, source } = await sampleCalibration(characters, [file], options());
    const joined = documents.join("\n\n");
    for (const window of windows) expect(`\0${joined}`).toContain(asText(window));
    expect(source).toMatchObject({ cutFrom: "joined text", tokens: joined.length + 1 });
  });

  it("reads Parquet columns and named fields", async () => {
    const { windows, source } = await sampleCalibration(
      characters,
      [fixture("required.parquet")],
      options({ field: "content", sampling: "sequential", samples: 1, seqLen: 9 }),
    );
    expect(windows.map(asText)).toEqual(["\0one\n\ntwo"]);
    expect(source.documents).toBe(2);
  });
});

describe("a huge corpus", () => {
  it("of documents is not read to its end", async () => {
    // The line after 3 million characters is malformed: reading on would fail.
    const documents = jsonLines(new Array<string>(30).fill("x".repeat(100_000)));
    const file = temporary("c4.json.gz", gzipSync(`${documents}malformed\n`, { level: 1 }));
    for (const sampling of ["random", "sequential"] as const) {
      const { windows, source } = await sampleCalibration(coarse, [file], options({ sampling }));
      expect(windows.length).toBe(4);
      expect(source.documents).toBeLessThan(30);
      expect(source.documents * 100_000).toBeGreaterThanOrEqual(2 ** 20);
    }
  });

  it("of plain text is not read to its end", async () => {
    const bytes = Buffer.alloc(4_000_000, "x");
    bytes[bytes.length - 1] = 0xff;
    const file = temporary("long.txt", bytes);
    const { source } = await sampleCalibration(coarse, [file], options({ sampling: "sequential" }));
    expect(source.tokens).toBe(Math.floor(2 ** 20 / 1000));
    expect(source.files).toEqual([{ path: file, sha256: sha256(bytes), bytes: bytes.length }]);
  });

  it("can be cancelled", async () => {
    const file = temporary("a.jsonl", jsonLines(new Array<string>(1000).fill("abcdefgh")));
    const abort = new AbortController();
    let encoded = 0;
    const tokenizer: Tokenizer = {
      ...characters,
      encode: (text) => {
        if (++encoded === 10) abort.abort();
        return characters.encode(text);
      },
    };
    const run = sampleCalibration(
      tokenizer,
      [file],
      options({ samples: 500, signal: abort.signal }),
    );
    await expect(run).rejects.toMatchObject({ kind: "cancelled" });
    expect(encoded).toBe(10);
  });
});

describe("evaluation windows", () => {
  it("cover the text once from its start; the remainder is dropped", async () => {
    const content = "abcdefghijklmno";
    const file = temporary("a.txt", content);
    const set = await evaluationWindows(characters, file, { seqLen: 5 });
    expect(set.windows.map(asText)).toEqual(["\0abcd", "efghi", "jklmn"]);
    expect(set).toMatchObject({
      tokens: 3 * 4,
      seqLen: 5,
      textSha256: sha256(content),
      files: [{ path: file, sha256: sha256(content), bytes: 15 }],
    });
  });

  it("are as many as asked for, the first ones", async () => {
    const file = temporary("a.txt", "abcdefghijklmno");
    const set = await evaluationWindows(characters, file, { seqLen: 5, maxWindows: 2 });
    expect(set.windows.map(asText)).toEqual(["\0abcd", "efghi"]);
    expect(set.tokens).toBe(8);
  });

  it("come from documents joined by a blank line; the hash is that of the bytes as they lie", async () => {
    const [a, b] = [gzipSync(jsonLines(["ab", "", "cd"])), Buffer.from("ef")];
    const files = [temporary("a.jsonl.gz", a), temporary("b.txt", b)];
    const set = await evaluationWindows(characters, files, { seqLen: 13 });
    expect(set.windows.map(asText)).toEqual(["\0ab\n\n\n\ncd\n\nef"]);
    expect(set.textSha256).toBe(sha256(Buffer.concat([a, b])));
  });

  it("of a text without one window: how many tokens there are and are needed", async () => {
    await expect(
      evaluationWindows(characters, temporary("a.txt", "abc"), { seqLen: 5 }),
    ).rejects.toMatchObject({
      code: "text/too-short",
      message: expect.stringContaining("4 tokens, 5 are needed") as string,
    });
  });
});

describe.skipIf(!hasData)("the reference figures' windows (needs ../shared/data)", () => {
  const reference = (part: string, count: number) => {
    const ids = readJson<number[]>(path.join(DATA, `../peer/stories260K.${part}.ids.json`));
    return Array.from({ length: count }, (_, i) =>
      Int32Array.from(ids.slice(i * 256, i * 256 + 256)),
    );
  };

  it("evaluation: the first 200 of the whole file equal those of its first 300,000 characters", async () => {
    const tokenizer = await loadTokenizer(path.join(DATA, "stories260K"));
    const file = path.join(DATA, "text/tinystories.valid-excerpt.txt");
    const set = await evaluationWindows(tokenizer, file, { seqLen: 256, maxWindows: 200 });
    expect(set.windows).toEqual(reference("valid", 200));
    expect(set.tokens).toBe(200 * 255);
    expect(set.textSha256).toBe(sha256(readFileSync(file)));
  });

  it("calibration: 64 sequential windows", async () => {
    const tokenizer = await loadTokenizer(path.join(DATA, "stories260K"));
    const { windows } = await sampleCalibration(
      tokenizer,
      [path.join(DATA, "text/tinystories.train-excerpt.txt")],
      { samples: 64, seqLen: 256, sampling: "sequential", seed: 0 },
    );
    expect(windows).toEqual(reference("train", 64));
  });

  it("calibration: random documents of C4 text", async () => {
    const tokenizer = await loadTokenizer(path.join(DATA, "stories260K"));
    const { windows, source } = await sampleCalibration(
      tokenizer,
      [path.join(DATA, "text/c4_demo.jsonl")],
      { samples: 32, seqLen: 256, sampling: "random", seed: 0 },
    );
    expect(windows.length).toBe(32);
    expect(source).toMatchObject({ cutFrom: "documents", documents: 300 });
  });
});
