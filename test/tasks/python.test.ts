/** Against what CPython 3.11 gives. */
import { expect, test } from "vitest";
import { capitalize, length, rstrip, strip } from "../../daemon/tasks/python.ts";

test("strip", () => {
  expect(strip("\t\x1c a b \u00a0\u3000\x85\n")).toBe("a b");
  expect(strip("\ufeffa\u200b")).toBe("\ufeffa\u200b");
  expect(rstrip(" a \r\n")).toBe(" a");
});

test.each([
  ["she Bends", "She bends"],
  ["", ""],
  [", HE", ", he"],
  ["éCOLE", "École"],
  ["ßA", "Ssa"],
  ["𐐨𐐀", "𐐀𐐨"],
])("capitalize %j", (text, expected) => {
  expect(capitalize(text)).toBe(expected);
});

test("length counts code points", () => {
  expect([length("naïve"), length("👍🏽"), length("")]).toEqual([5, 2, 0]);
});
