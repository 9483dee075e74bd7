/** Finding and reading the data sets' files. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findTaskFiles, readItems } from "../../daemon/tasks/index.ts";
import type { TaskName } from "../../daemon/vocabulary.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tasks-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string | Uint8Array = "{}"): Promise<string> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

describe("finding", () => {
  const find = async (task: TaskName) => (await findTaskFiles(folder, [task])).get(task);

  test.each([
    ["piqa", ["piqa.jsonl"], ["piqa.jsonl"]],
    ["piqa", ["piqa.train.jsonl", "piqa.valid.jsonl.gz"], ["piqa.valid.jsonl.gz"]],
    ["hellaswag", ["hellaswag_val.jsonl", "hellaswag2.jsonl"], ["hellaswag_val.jsonl"]],
    ["arc_easy", ["ARC-Easy-Dev.jsonl", "ARC-Easy-Test.jsonl"], ["ARC-Easy-Test.jsonl"]],
    [
      "arc_challenge",
      [
        "ARC-Challenge/test-00000-of-00001.parquet",
        "ARC-Challenge/train-00000-of-00001.parquet",
        "ARC-Easy/test-00000-of-00001.parquet",
      ],
      ["ARC-Challenge/test-00000-of-00001.parquet"],
    ],
    [
      "winogrande",
      [
        "winogrande_xl/data/validation-00001-of-00002.parquet",
        "winogrande_xl/data/validation-00000-of-00002.parquet",
        "winogrande_xl/README.md",
      ],
      [
        "winogrande_xl/data/validation-00000-of-00002.parquet",
        "winogrande_xl/data/validation-00001-of-00002.parquet",
      ],
    ],
  ] as const)("%s among %j", async (task, there, expected) => {
    for (const name of there) await put(name);
    expect(await find(task)).toEqual(expected.map((name) => join(folder, name)));
  });

  test("what is not there or not plain is said", async () => {
    await put("piqa.train.jsonl");
    await expect(find("piqa")).rejects.toMatchObject({ code: "tasks/data-missing" });
    await put("piqa.valid.jsonl");
    await put("piqa-dev.jsonl");
    await expect(find("piqa")).rejects.toMatchObject({ code: "tasks/data-ambiguous" });
    const file = await put("piqa.jsonl");
    await expect(findTaskFiles(file, ["piqa", "winogrande"])).rejects.toMatchObject({
      code: "tasks/one-file-many-tasks",
    });
    expect((await findTaskFiles(file, ["piqa"])).get("piqa")).toEqual([file]);
  });
});

describe("reading", () => {
  const row = { sentence: "The cat saw the dog and _ ran.", option1: "cat", option2: "dog" };
  const lines = (...answers: readonly string[]) =>
    answers.map((answer) => `${JSON.stringify({ ...row, answer })}\n`).join("");

  test("as many as asked for, plain and compressed", async () => {
    const file = await put("a.jsonl.gz", gzipSync(lines("1", "2", "1")));
    const golds = async (limit?: number) =>
      (await readItems("winogrande", [file, file], limit)).map(({ gold }) => gold);
    expect(await golds()).toEqual([0, 1, 0, 0, 1, 0]);
    expect(await golds(4)).toEqual([0, 1, 0, 0]);
  });

  test("Parquet as the Hub writes it: nested columns, 64-bit labels", async () => {
    const read = async (task: TaskName, name: string) => {
      const items = await readItems(task, [join(import.meta.dirname, "fixtures", name)]);
      return items.map(({ gold, choices }) => [gold, choices]);
    };
    expect(await read("piqa", "piqa.parquet")).toEqual([
      [1, ["a", "b"]],
      [0, ["c", "é"]],
    ]);
    expect(await read("arc_easy", "arc.parquet")).toEqual([
      [1, ["gas", "ice", "dew"]],
      [0, ["dew", "sand", "air", "fire"]],
    ]);
  });

  test("a bad row is named with file and line", async () => {
    const file = await put("bad.jsonl", `${lines("1")}\n${lines("7")}`);
    await expect(readItems("winogrande", [file])).rejects.toMatchObject({
      code: "tasks/bad-row",
      message: expect.stringContaining(`${file}, line 3`) as string,
    });
    const empty = await put("empty.jsonl", "\n");
    await expect(readItems("winogrande", [empty])).rejects.toMatchObject({
      code: "tasks/no-items",
    });
    const text = await put("text.txt", "x");
    await expect(readItems("winogrande", [text])).rejects.toMatchObject({
      code: "text/not-records",
    });
  });
});

const DATA = join(import.meta.dirname, "../../../shared/data/tasks");
describe.skipIf(!existsSync(DATA))(
  `the real data sets${existsSync(DATA) ? "" : " (../shared/data is not here)"}`,
  () => {
    test("every row is read", async () => {
      const names = ["piqa", "hellaswag", "arc_easy"] as const;
      const counts: number[] = [];
      for (const [name, files] of await findTaskFiles(DATA, names)) {
        counts.push((await readItems(name, files)).length);
      }
      expect(counts).toEqual([1838, 1000, 2376]);
    });
  },
);
