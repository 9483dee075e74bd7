import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, validPrefix } from "../../daemon/text/utf8.ts";
import { collect } from "./support.ts";

const isValid = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) {
    await Promise.resolve();
    yield bytes.subarray(i, i + size);
  }
}

const decode = async (bytes: Uint8Array, size: number) =>
  (await collect(decodeUtf8("f.txt", chunked(bytes, size)))).join("");

/** Bytes near the edges of the encoding's rules, so that random sequences are often almost right. */
const tricky = fc
  .array(
    fc.constantFrom(
      0x00,
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
      0xff,
    ),
    { maxLength: 8 },
  )
  .map((bytes) => Uint8Array.from(bytes));

describe("the valid prefix", () => {
  it("is the longest that the platform's strict decoder accepts at a character's end", () => {
    fc.assert(
      fc.property(tricky, (bytes) => {
        const end = validPrefix(bytes);
        expect(isValid(bytes.subarray(0, end))).toBe(true);
        for (let longer = end + 1; longer <= bytes.length; longer++) {
          expect(isValid(bytes.subarray(0, longer))).toBe(false);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe("decoding a stream", () => {
  const text = "a\r\nß€🙂\u0000\uFEFF\u{10FFFF} 你好";

  it.each([1, 2, 3, 5, 1000])("gives the text whatever the chunks: %i bytes", async (size) => {
    expect(await decode(Buffer.from(text), size)).toBe(text);
  });

  it.each([1, 2, 3, 4, 1000])("drops one leading byte order mark: %i bytes", async (size) => {
    expect(await decode(Buffer.from("\uFEFF\uFEFFx"), size)).toBe("\uFEFFx");
  });

  it("never parts a surrogate pair", async () => {
    const parts = await collect(decodeUtf8("f.txt", chunked(Buffer.from("🙂".repeat(20)), 3)));
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect(part).toMatch(/^(🙂)+$/u);
  });

  it("names the first wrong byte, whatever the chunks", async () => {
    await fc.assert(
      fc.asyncProperty(tricky, fc.integer({ min: 1, max: 5 }), async (bytes, size) => {
        const all = Buffer.concat([Buffer.from("é€🙂"), bytes]);
        const result = decode(all, size);
        if (isValid(all)) {
          expect(await result).toBe(all.toString("utf8"));
        } else {
          await expect(result).rejects.toMatchObject({
            code: "text/not-utf8",
            message: expect.stringMatching(
              new RegExp(`f\\.txt .* offset ${validPrefix(all)} `),
            ) as string,
          });
        }
      }),
    );
  });

  it.each([
    ["UTF-16", [0xff, 0xfe, 0x41, 0x00]],
    ["gzip", [0x1f, 0x8b, 0x08, 0x00]],
    ["Zstandard", [0x28, 0xb5, 0x2f, 0xfd]],
  ])("says what it looks like: %s", async (what, bytes) => {
    await expect(decode(Uint8Array.from(bytes), 4)).rejects.toThrow(what);
  });
});
