import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readDocuments, type ReadOptions } from "../../daemon/text/index.ts";
import { collect, fixture, temporary } from "./support.ts";

const texts = async (file: string | string[], options?: ReadOptions): Promise<string[]> =>
  (await collect(readDocuments([file].flat(), options))).map(({ text }) => text);

const failure = async (file: string, options?: ReadOptions): Promise<Error> => {
  const error: unknown = await texts(file, options).catch((e: unknown) => e);
  if (!(error instanceof Error)) throw new Error("did not fail");
  return error;
};

describe("plain text", () => {
  it("is one document, kept as it is but for a byte order mark", async () => {
    expect(await texts(temporary("a.txt", "\uFEFFone\r\n\r\n two \n"))).toEqual([
      "one\r\n\r\n two \n",
    ]);
    expect(await texts(temporary("README", "no suffix"))).toEqual(["no suffix"]);
  });

  it("may be compressed, in several members", async () => {
    const members = Buffer.concat([gzipSync("first "), gzipSync("größer "), gzipSync("last")]);
    expect(await texts(temporary("a.txt.gz", members))).toEqual(["first größer last"]);
  });

  it("longer than one read keeps every character", async () => {
    const text = "a🙂".repeat(500_000);
    expect(await texts(temporary("long.txt", text))).toEqual([text]);
    expect(await texts(temporary("long.gz", gzipSync(text)))).toEqual([text]);
  });

  it("is read as far as asked, never cut inside a character", async () => {
    const file = temporary("a.txt", "ab🙂cd");
    expect(await texts(file, { plainTextLimit: 2 })).toEqual(["ab"]);
    expect(await texts(file, { plainTextLimit: 3 })).toEqual(["ab"]);
    expect(await texts(file, { plainTextLimit: 4 })).toEqual(["ab🙂"]);
    expect(await texts(file, { plainTextLimit: 100 })).toEqual(["ab🙂cd"]);
  });
});

describe("JSON Lines", () => {
  const lines =
    '\uFEFF{"text":"one\\n","id":1}\r\n\n{"text":""}\n{"text":null}\n  \n{"text":"\\ud83d\\ude42"}\n\n\n';

  it.each(["a.jsonl", "b.json", "c.ndjson", "D.JSONL"])(
    "gives one document a line: %s",
    async (name) => {
      expect(await texts(temporary(name, lines))).toEqual(["one\n", "", "🙂"]);
    },
  );

  it("may be compressed and lack the last line end", async () => {
    expect(await texts(temporary("a.json.gz", gzipSync('{"text":"x"}\n{"text":"y"}')))).toEqual([
      "x",
      "y",
    ]);
  });

  it("reads lines longer than one read", async () => {
    const long = "é".repeat(1_500_000);
    const file = temporary("a.jsonl", `${JSON.stringify({ text: long })}\n{"text":"next"}\n`);
    expect(await texts(file)).toEqual([long, "next"]);
  });

  it("takes the field that is named", async () => {
    expect(
      await texts(temporary("a.jsonl", '{"content":"c","text":1}'), { field: "content" }),
    ).toEqual(["c"]);
  });

  it.each([
    [
      "broken JSON",
      '{"text":"a"}\n\n{"text":',
      "text/malformed-line",
      /line 3: not one JSON value/,
    ],
    ["a whole array", '[\n{"text":"a"}]', "text/malformed-line", /line 1: .*jq -c '\.\[\]'/],
    [
      "an array in one line",
      '[{"text":"a"}]',
      "text/malformed-line",
      /line 1: an array .*jq -c '\.\[\]'/,
    ],
    ["a spread-out object", '{\n"text":"a"}', "text/malformed-line", /line 1: .*jq -c \. /],
    ["a bare string", '"a"', "text/malformed-line", /line 1: a string where an object is needed/],
    [
      "another field",
      '{"body":"a","id":1}',
      "text/field-missing",
      /line 1 has no "text"; it has "body", "id"\. .*with --field <name>/,
    ],
    ["an inherited name", '{"body":"a"}', "text/field-missing", /"constructor"/, "constructor"],
    ["no field", "{}", "text/field-missing", /it has nothing/],
    ["a number", '{"text":5}', "text/field-not-text", /line 1: "text" is a number/],
    ["a list", '{"text":["a"]}', "text/field-not-text", /"text" is an array/],
    ["only blank lines", "\n\n \n", "text/empty", /is empty/],
    ["only null", '{"text":null}', "text/empty", /is empty/],
  ])(
    "with %s: a coded error that names the place",
    async (_, content, code, message, field?: string) => {
      const file = temporary("bad.jsonl", content);
      const error = await failure(file, { field });
      expect(error).toMatchObject({ code, kind: "input" });
      expect(error.message).toMatch(message);
      expect(error.message).toContain(file);
    },
  );
});

describe("Parquet as pyarrow writes it", () => {
  // make.py: seven rows in groups of three, two of them null, beside nested columns.
  const rows = ["first\n", "", "zweite Größe 🙂", "third, ".repeat(200), "last"];

  it.each(["none", "snappy", "gzip", "brotli", "lz4", "zstd"])(
    "gives the text column, nulls skipped: %s",
    async (codec) => {
      expect(await texts(fixture(`${codec}.parquet`))).toEqual(rows);
    },
  );

  it("takes the column that is named, required and unannotated ones too", async () => {
    expect(await texts(fixture("required.parquet"), { field: "content" })).toEqual(["one", "two"]);
  });

  it.each([
    ["required", "text", "text/field-missing", /has no "text"; it has "content"/],
    ["snappy", "body", "text/field-missing", /"text", "meta", "parts", "number", "when"/],
    ["snappy", "meta", "text/field-not-text", /nested column of "url", "tags"/],
    ["snappy", "parts", "text/field-not-text", /nested column/],
    ["snappy", "number", "text/field-not-text", /type INT64/],
    ["snappy", "when", "text/field-not-text", /type TIMESTAMP/],
    ["no-rows", "text", "text/empty", /is empty/],
    ["not-utf8", "text", "text/not-utf8", /column "text".*offset 4/],
  ])("%s, column %s: a coded error that names the file", async (name, field, code, message) => {
    const file = fixture(`${name}.parquet`);
    const error = await failure(file, { field });
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(file);
  });

  it("that is not Parquet, or cut short", async () => {
    const whole = readFileSync(fixture("snappy.parquet"));
    const damaged = Buffer.from(whole);
    damaged.fill(0xee, 4, 400);
    for (const content of [Buffer.from("text"), whole.subarray(0, 300), damaged]) {
      expect(await failure(temporary("bad.parquet", content))).toMatchObject({
        code: "text/parquet-damaged",
      });
    }
    expect(await failure(temporary("empty.parquet", ""))).toMatchObject({ code: "text/empty" });
  });
});

describe("files", () => {
  it("come one after the other, of any kind, each document with its source", async () => {
    const text = temporary("a.txt", "plain");
    const json = temporary("b.jsonl", '{"text":"x"}\n{"text":"y"}\n');
    const parquet = fixture("snappy.parquet");
    const documents = await collect(readDocuments([text, json, parquet]));
    expect(documents.slice(0, 3)).toEqual([
      { text: "plain", source: text },
      { text: "x", source: json },
      { text: "y", source: json },
    ]);
    expect(documents.slice(3).map(({ source }) => source)).toEqual(new Array(5).fill(parquet));
  });

  it("are quoted in commands to copy", async () => {
    const file = temporary("it's one array.json", '[{"text":"a"}]');
    const { message } = await failure(file);
    const command = message.slice(message.indexOf("jq"));
    const words = execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" });
    expect(words.trimEnd().split("\n")).toEqual(["jq", "-c", ".[]", file]);
  });

  it.each(["gone.txt", "gone.jsonl", "gone.txt.gz", "gone.parquet"])(
    "missing: %s",
    async (name) => {
      const file = `/nowhere/${name}`;
      expect(await failure(file)).toMatchObject({
        code: "text/file-missing",
        message: `${file} does not exist.`,
      });
    },
  );

  it.each(["folder", "folder.parquet"])("that are folders: %s", async (name) => {
    const folder = `${temporary("beside", "")}-${name}`;
    mkdirSync(folder);
    expect(await failure(folder)).toMatchObject({ code: "text/file-unreadable" });
  });

  it("that are pipes: refused without waiting for somebody to write", async () => {
    for (const name of ["a.txt", "a.jsonl", "a.txt.gz"]) {
      const pipe = `${temporary("beside", "")}-${name}`;
      execFileSync("mkfifo", [pipe]);
      expect(await failure(pipe)).toMatchObject({ code: "text/not-a-file" });
    }
  });

  it("with a document or a line too large to tokenise", async () => {
    const bytes = gzipSync(Buffer.alloc(2 ** 26 + 1, "x"), { level: 1 });
    for (const name of ["a.txt.gz", "a.jsonl.gz"]) {
      expect(await failure(temporary(name, bytes))).toMatchObject({
        code: "text/document-too-large",
      });
    }
  });

  it("empty", async () => {
    for (const name of ["a.txt", "a.jsonl", "a"]) {
      expect(await failure(temporary(name, ""))).toMatchObject({ code: "text/empty" });
    }
    expect(await failure(temporary("a.txt.gz", gzipSync("")))).toMatchObject({
      code: "text/empty",
    });
  });

  it("not UTF-8: names the byte, compressed or not", async () => {
    const bytes = Buffer.concat([Buffer.from("größer "), Buffer.from([0xe9, 0x20])]);
    const plain = temporary("latin1.txt", bytes);
    const error = await failure(plain);
    expect(error).toMatchObject({ code: "text/not-utf8" });
    expect(error.message).toContain(plain);
    expect(error.message).toMatch(/offset 9 /);
    expect((await failure(temporary("a.jsonl.gz", gzipSync(bytes)))).message).toMatch(/offset 9 /);
  });

  it("truncated or no gzip at all", async () => {
    const whole = gzipSync("text ".repeat(1000));
    for (const content of [whole.subarray(0, whole.length - 9), Buffer.from("not gzip")]) {
      const file = temporary("bad.jsonl.gz", content);
      const error = await failure(file);
      expect(error).toMatchObject({ code: "text/gzip-damaged" });
      expect(error.message).toContain(file);
    }
  });

  it("stop at a cancellation", async () => {
    const file = temporary("a.jsonl", '{"text":"x"}\n'.repeat(100));
    for (const path of [file, fixture("snappy.parquet"), temporary("a.txt", "x")]) {
      const signal = AbortSignal.abort();
      expect(await failure(path, { signal })).toMatchObject({ kind: "cancelled" });
    }
    const abort = new AbortController();
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const { text } of readDocuments([file], { signal: abort.signal })) {
          seen.push(text);
          if (seen.length === 3) abort.abort();
        }
      })(),
    ).rejects.toMatchObject({ kind: "cancelled" });
    expect(seen.length).toBe(3);
  });
});
