import pc from "picocolors";
import { describe, expect, test } from "vitest";
import { programName } from "../../daemon/cli/io.ts";
import { bar, filled, sparkline } from "../../daemon/cli/terminal/bar.ts";
import { createEta } from "../../daemon/cli/terminal/eta.ts";
import { duration, magnitude, percent, significant } from "../../daemon/cli/terminal/numbers.ts";
import { hasColors } from "../../daemon/cli/terminal/style.ts";
import { table } from "../../daemon/cli/terminal/table.ts";
import { printable, width, wrap } from "../../daemon/cli/terminal/text.ts";
import { shellWord } from "../../daemon/wording.ts";
import { fakeIo } from "./harness.ts";

const plain = pc.createColors(false);

test.each([
  [0, "0.0 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.6, "1 min 00 s"],
  [200, "3 min 20 s"],
  [3599.7, "1 h 00 min"],
  [7500, "2 h 05 min"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("figures", () => {
  expect([640, 260_032, 1_235_814_400, 8e9].map(magnitude)).toEqual([
    "640",
    "260 K",
    "1.24 B",
    "8 B",
  ]);
  expect([4.1071, 83.324, 141.2, 12_341, 0, 0.00012345, NaN].map(significant)).toEqual([
    "4.107",
    "83.32",
    "141.2",
    "12,340",
    "0.000",
    "1.23e-4",
    "NaN",
  ]);
  expect(percent(0.5)).toBe("50.00 %");
});

describe("table", () => {
  test("aligns by what is seen, not by colour codes", () => {
    const red = pc.createColors(true).red;
    const lines = table(
      [{ title: "name" }, { title: "n", align: "right" }],
      [[red("a"), "1"], null, ["long", red("100")]],
    );
    expect(lines.map(width)).toEqual([9, 9, 0, 9]);
    expect(lines[0]).toBe("name    n");
  });

  test("has no header without titles and no trailing spaces", () => {
    expect(
      table(
        [{ title: "" }, { title: "" }],
        [
          ["a", ""],
          ["bb", "c"],
        ],
      ),
    ).toEqual(["a", "bb  c"]);
  });
});

test("text from files cannot steer the terminal", () => {
  expect(printable("a\u001b[2Jb\r\nc\u202ed\u009b")).toBe(
    "a\\u001b[2Jb\\u000d\\u000ac\\u202ed\\u009b",
  );
  expect(printable("model.größe – 重み")).toBe("model.größe – 重み");
});

test("wrap breaks at spaces and keeps every word", () => {
  const text = "one two three four";
  expect(wrap(text, 9)).toEqual(["one two", "three", "four"]);
  expect(wrap("unbreakable", 4)).toEqual(["unbreakable"]);
});

describe("bars", () => {
  test("are as wide as asked at any fraction", () => {
    for (const fraction of [-1, 0, 0.33, 1, 2]) expect(width(bar(fraction, 20, plain))).toBe(20);
    expect(bar(0.5, 4, plain)).toBe("━━╌╌");
  });

  test("of charts show the least that is not nothing", () => {
    expect([0, 1e-9, 0.5, 1].map((fraction) => filled(fraction, 4))).toEqual([
      "",
      "▏",
      "██",
      "████",
    ]);
  });

  test("sparkline goes from high to low", () => {
    expect(sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8)).toBe("█▇▆▅▄▃▂▁");
    expect(sparkline([8, 8, 1, 1], 2)).toBe("█▁");
    expect(sparkline([5], 8)).toBe("▁");
    expect(sparkline([], 8)).toBe("");
  });
});

describe("eta", () => {
  test("is the plan's until there is enough to go by, then what was measured", () => {
    const eta = createEta(100);
    expect(eta.update(0, 0)).toBe(100);
    expect(eta.update(0.01, 5)).toBe(99);
    expect(eta.update(0.5, 30)).toBe(30);
  });

  test("does not count what an earlier run has done", () => {
    const eta = createEta(null);
    expect(eta.update(0.5, 0)).toBeNull();
    expect(eta.update(0.75, 10)).toBe(10);
  });
});

test("NO_COLOR and FORCE_COLOR decide before the terminal does", () => {
  const pipe = fakeIo().stdout;
  const terminal = fakeIo({ columns: 80, rows: 24 }).stdout;
  expect([hasColors(pipe, {}), hasColors(terminal, {})]).toEqual([false, true]);
  expect(hasColors(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(hasColors(terminal, { TERM: "dumb" })).toBe(false);
  expect(hasColors(pipe, { FORCE_COLOR: "1" })).toBe(true);
  expect(hasColors(terminal, { FORCE_COLOR: "0" })).toBe(false);
});

test("commands that messages quote can be pasted", () => {
  expect(programName("/usr/bin/denoise-rotator", "/home")).toBe("denoise-rotator");
  expect(programName("/home/a b/dist/cli.js", "/home")).toBe("node 'a b/dist/cli.js'");
  expect(shellWord("it's")).toBe(`'it'\\''s'`);
  expect(shellWord("2:4")).toBe("2:4");
});
