import { describe, expect, it } from "vitest";
import { Dice } from "../../scripts/sample/text/dice.ts";
import { corpus, documents, GENRES, SPLITS, splitOf } from "../../scripts/sample/text/index.ts";
import { liking } from "../../scripts/sample/text/liking.ts";
import { a, list, numeral } from "../../scripts/sample/text/words.ts";
import { DIRECTIONS, neighbour, ways, WORLD } from "../../scripts/sample/text/world.ts";

const SEED = 7;
const value = new Map(Array.from({ length: 100 }, (_, n) => [numeral(n), n]));

function many(genre: keyof typeof GENRES, n: number): string[] {
  const dice = new Dice(SEED);
  return Array.from({ length: n }, () => GENRES[genre](dice));
}

function matches(texts: readonly string[], pattern: RegExp): string[][] {
  return texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => [...match]));
}

describe("words", () => {
  it("counts in English", () => {
    expect([0, 7, 13, 20, 21, 48, 99].map(numeral)).toEqual(
      "zero seven thirteen twenty twenty-one forty-eight ninety-nine".split(" "),
    );
    expect(() => numeral(100)).toThrow(RangeError);
  });

  it("joins lists and chooses the article", () => {
    expect([list(["x"]), list(["x", "y"]), list(["x", "y", "z"])]).toEqual([
      "x",
      "x and y",
      "x, y and z",
    ]);
    expect([a("owl"), a("goose")]).toEqual(["an owl", "a goose"]);
  });
});

describe("dice", () => {
  it("expands nested alternatives to one of them", () => {
    const dice = new Dice(SEED);
    const seen = new Set(Array.from({ length: 200 }, () => dice.say("{a|b{1|2}|}!")));
    expect([...seen].sort()).toEqual(["!", "a!", "b1!", "b2!"]);
  });

  it("refuses a template that never ends", () => {
    expect(() => new Dice(SEED).say("{a")).toThrow(RangeError);
  });

  it("samples without repetition", () => {
    const dice = new Dice(SEED);
    for (let i = 0; i < 50; i++) expect(new Set(dice.sample([1, 2, 3, 4, 5], 4)).size).toBe(4);
  });

  it("prefers the front of a list where some words are common: P(rank < r) = (r/n)^¼", () => {
    const dice = new Dice(SEED);
    const draws = Array.from({ length: 20_000 }, () => dice.common([0, 1, 2, 3]));
    const share = (r: number) => draws.filter((x) => x < r).length / draws.length;
    expect(share(1)).toBeCloseTo(0.25 ** 0.25, 1);
    expect(share(2)).toBeCloseTo(0.5 ** 0.25, 1);
  });
});

describe("liking", () => {
  const items = Array.from({ length: 12 }, (_, i) => i);

  it("is an order of the list, the same whenever it is asked for", () => {
    expect([...liking("owl", items)].sort((x, y) => x - y)).toEqual(items);
    expect(liking("owl", items)).toEqual(liking("owl", items));
  });

  it("differs between words", () => {
    const words = Array.from({ length: 300 }, (_, i) => `word${i}`);
    const favourites = words.map((word) => liking(word, items)[0]);
    for (const item of items) expect(favourites).toContain(item);
  });
});

describe("the world", () => {
  it("has different names for all its people and towns", () => {
    const names = [...WORLD.people, ...WORLD.towns].map((x) => x.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("leads back when one turns round", () => {
    for (const town of WORLD.towns) {
      for (const way of ways(town)) {
        const there = neighbour(town, way);
        expect(there && neighbour(there, DIRECTIONS[way].back)).toBe(town);
      }
    }
  });
});

describe("the texts", () => {
  it("leave no template unexpanded and are ASCII", () => {
    for (const genre of Object.keys(GENRES) as (keyof typeof GENRES)[]) {
      for (const text of many(genre, 50)) {
        expect(text, genre).toMatch(/^[\x20-\x7e\n]+$/);
        expect(text, genre).not.toMatch(/[{}|]|undefined|\s\s| $/);
      }
    }
  });

  it("calculate correctly in lessons", () => {
    const lessons = many("lesson", 300);
    const operations = {
      and: (x: number, y: number) => x + y,
      less: (x: number, y: number) => x - y,
      times: (x: number, y: number) => x * y,
    };
    const sums = matches(
      lessons,
      /What is ([a-z-]+) (and|less|times) ([a-z-]+)\?" asked \w+\. "([\w-]+),"/g,
    );
    expect(sums.length).toBeGreaterThan(100);
    for (const [, x = "", operation = "", y = "", answer = ""] of sums) {
      const compute = operations[operation as keyof typeof operations];
      expect(value.get(answer.toLowerCase())).toBe(
        compute(value.get(x) ?? NaN, value.get(y) ?? NaN),
      );
    }
  });

  it("keep count of the goods in market stories", () => {
    for (const text of many("market", 200)) {
      const number = (pattern: RegExp) => value.get(pattern.exec(text)?.[1] ?? "") ?? NaN;
      let n = number(/with ([a-z-]+) \w+\. /);
      const changes = /(bought|found|gave (?:her|him)|sold|gave|lost) ([a-z-]+)\b(?! the)/g;
      for (const [, verb = "", change = ""] of text.matchAll(changes)) {
        const gains = ["bought", "found", "gave her", "gave him"].includes(verb);
        n += (gains ? 1 : -1) * (value.get(change) ?? NaN);
      }
      expect(number(/counted \w+ \w+: there were ([a-z-]+)\./), text).toBe(n);
      const left = text.includes("one was left") ? 1 : 0;
      expect(2 * number(/each got ([a-z-]+)/) + left, text).toBe(n);
    }
  });

  it("recall in a scene what was seen in it", () => {
    const recalls = many("scene", 200).map((text) => {
      const [, phrase = ""] =
        /(?:dreamed of|spoke of|still remembered) the (.*)\.$/.exec(text) ?? [];
      return text.toLowerCase().indexOf(phrase) < text.lastIndexOf(phrase) && phrase !== "";
    });
    expect(recalls).not.toContain(false);
  });

  it("tell a race the same way from the end as from the start", () => {
    for (const text of many("race", 100)) {
      const places = /\. ([^.]*? came in first[^.]*)\./.exec(text)?.[1] ?? "";
      const forward = [...places.matchAll(/([A-Z]\w+) (?:the|was)/g)].map((m) => m[1]);
      const backward = /they were ([^.]*)\./.exec(text)?.[1]?.split(/, | and /) ?? [];
      expect(backward.reverse(), text).toEqual(forward);
    }
  });
});

describe("the splits", () => {
  it("are functions of nothing but their name", () => {
    expect(corpus("train", 20_000)).toBe(corpus("train", 20_000));
  });

  it("fill the bytes asked for with whole documents", () => {
    const text = corpus("evaluation", 5_000);
    expect(text.length).toBeLessThanOrEqual(5_000);
    expect(text.length).toBeGreaterThan(4_000);
    expect(corpus("evaluation", 9_000).startsWith(text.trimEnd())).toBe(true);
  });

  it("share no document", () => {
    const sets = SPLITS.map((split) => {
      const source = documents(split);
      return new Set(Array.from({ length: 3_000 }, () => source.next().value));
    });
    for (const [i, split] of SPLITS.entries()) {
      const own = [...(sets[i] ?? [])];
      expect(own.filter((document) => splitOf(document) !== split)).toEqual([]);
      const others = sets.filter((_, j) => j !== i);
      expect(own.filter((document) => others.some((set) => set.has(document)))).toEqual([]);
    }
  });
});
