/** Keys that occur twice, found in raw text. */

import { describe, expect, it } from "vitest";
import { findKeyDefect } from "../../daemon/checkpoint/duplicateKeys.ts";

describe("a key", () => {
  it.each([
    ['{"a":1,"a":2}', "a"],
    ['{"a":{"b":1,"c":[],"b":2}}', "b"],
    ['{"a":[{"k":1},{"k":1,"k":1}]}', "k"],
    [String.raw`{"a\\":1,"b":2,"a\\":3}`, "a\\"],
    [String.raw`{"a\"b":1,"a\"b":3}`, 'a"b'],
    [String.raw`{"é":1,"\u00e9":2}`, "é"],
    ['{"":1,"":2}', ""],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
  ])("is found twice in %s", (text, duplicate) => {
    expect(findKeyDefect(text)).toEqual({ duplicate });
  });

  it.each([
    '{"a":{"a":{"a":"a"}},"b":"a"}',
    '{"a":["a","a"],"b":["a","b"]}',
    '[{"a":1},{"a":1}]',
    String.raw`{"a":"\",\"a\":","b\\":"\\","c":1}`,
    '{"a":"}","b":"{","c":"[,"}',
    "{}",
    "",
    '{"a',
    "}}]]",
  ])("is not found twice in %s", (text) => {
    expect(findKeyDefect(text)).toBeNull();
  });

  it("is not looked for at a depth no header has", () => {
    expect(findKeyDefect(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`)).toBe("too-deep");
    expect(findKeyDefect("[".repeat(1e6))).toBe("too-deep");
  });
});
