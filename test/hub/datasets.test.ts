import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { namedDataset, resolveTextFiles } from "../../daemon/hub/index.ts";
import { readDocuments } from "../../daemon/text/index.ts";
import { content, startHub } from "./fakeHub.ts";
import { FIRST, LARGE, refusal, setUp } from "./setup.ts";

const bench = setUp();

const SHARD = "c4-train.00000-of-01024.json.gz";
const DOCUMENTS = ["One text.", "Another, longer text."];
const C4 = gzipSync(DOCUMENTS.map((text) => `${JSON.stringify({ text })}\n`).join(""));
const TRAIN = content("train", 5000);
const TEST = content("test", 3000);

function publish() {
  const common = { type: "dataset", revisions: { main: FIRST }, large: LARGE } as const;
  bench().hub.repositories.push(
    {
      ...common,
      name: "allenai/c4",
      commits: { [FIRST]: { [`en/${SHARD}`]: C4, "en/other.gz": content("other", 9) } },
    },
    {
      ...common,
      name: "Salesforce/wikitext",
      commits: {
        [FIRST]: {
          "wikitext-2-raw-v1/train-00000-of-00001.parquet": TRAIN,
          "wikitext-2-raw-v1/test-00000-of-00001.parquet": TEST,
        },
      },
    },
  );
}

describe("named texts", () => {
  test("c4 is its first English training shard, which the text room reads as it is", async () => {
    publish();
    const { work, options } = bench();
    const files = await namedDataset("c4", "calibration", options);
    expect(files).toEqual([join(work, "cache", "denoise-rotator", "c4", SHARD)]);
    const texts: string[] = [];
    for await (const { text } of readDocuments(files)) texts.push(text);
    expect(texts).toEqual(DOCUMENTS);
  });

  test("wikitext2 is trained on one part and measured on the other", async () => {
    publish();
    const { options, work } = bench();
    const cacheDir = join(work, "elsewhere");
    const read = async (use: "calibration" | "evaluation") => {
      const [file = ""] = await namedDataset("wikitext2", use, { ...options, cacheDir });
      expect(dirname(file)).toBe(join(cacheDir, "wikitext2"));
      return readFile(file);
    };
    expect(await read("calibration")).toEqual(TRAIN);
    expect(await read("evaluation")).toEqual(TEST);
  });

  test("the commit of a fetched file is kept beside it", async () => {
    publish();
    const [file = ""] = await namedDataset("c4", "calibration", bench().options);
    expect(JSON.parse(await readFile(`${file}.source.json`, "utf8"))).toMatchObject({
      repository: "allenai/c4",
      commit: FIRST,
      files: [{ path: `en/${SHARD}`, bytes: C4.length }],
    });
  });

  test("what is in the cache needs no network", async () => {
    publish();
    const { hub, options } = bench();
    const first = await namedDataset("wikitext2", "evaluation", options);
    await hub.close();
    const requests = hub.seen.length;
    expect(await namedDataset("wikitext2", "evaluation", options)).toEqual(first);
    expect(hub.seen).toHaveLength(requests);
  });

  test("a stopped fetch leaves no file of the name, and goes on from its bytes", async () => {
    publish();
    const { hub, options, work } = bench();
    const name = "train-00000-of-00001.parquet";
    const folder = join(work, "cache", "denoise-rotator", "wikitext2");
    hub.faults.cut.set(name, [2000, ...Array<number>(20).fill(0)]);
    const error = await refusal(namedDataset("wikitext2", "calibration", options));
    expect(error.code).toBe("hub/interrupted");
    expect(await readdir(folder)).toEqual([`${name}.partial`]);
    expect((await stat(join(folder, `${name}.partial`))).size).toBe(2000);
    hub.faults.cut.clear();
    hub.seen.length = 0;
    const [file = ""] = await namedDataset("wikitext2", "calibration", options);
    expect(hub.bodies(name)[0]?.range).toBe("bytes=2000-");
    expect(await readFile(file)).toEqual(TRAIN);
  });

  test("two fetches at the same time end with the same, whole file", async () => {
    publish();
    const { options } = bench();
    const both = await Promise.all([
      namedDataset("wikitext2", "calibration", options),
      namedDataset("wikitext2", "calibration", options),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(await readFile(both[0][0] ?? "")).toEqual(TRAIN);
  });

  test("without a network: the file's name and where to put it; put there, it is taken", async () => {
    const { options } = bench();
    const gone = await startHub();
    await gone.close();
    const offline = { ...options, endpoint: gone.url };
    const error = await refusal(namedDataset("c4", "calibration", offline));
    expect(error.code).toBe("hub/offline");
    expect(error.message).toContain(`en/${SHARD} of the data set allenai/c4`);
    const place = /put it to (\S+);/.exec(error.message)?.[1] ?? "";
    expect(existsSync(dirname(place))).toBe(false);

    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, C4);
    expect(await namedDataset("c4", "calibration", offline)).toEqual([place]);
  });

  test("a file that the data set no longer has is an error that names it", async () => {
    publish();
    const { hub, options } = bench();
    for (const { commits } of hub.repositories) commits[FIRST] = {};
    const error = await refusal(namedDataset("c4", "calibration", options));
    expect([error.code, error.message]).toEqual([
      "hub/file-missing",
      expect.stringContaining(SHARD),
    ]);
  });

  test("c4 is not measured on, and says why", async () => {
    const { hub, options } = bench();
    const error = await refusal(namedDataset("c4", "evaluation", options));
    expect([error.code, error.kind]).toEqual(["hub/no-evaluation-text", "usage"]);
    expect(error.message).toContain("wikitext2");
    expect(hub.seen).toEqual([]);
  });
});

test("names become paths in their places, paths stay what they are", async () => {
  publish();
  const { work, options } = bench();
  const cache = join(work, "cache", "denoise-rotator");
  expect(
    await resolveTextFiles(["a.txt", "c4", "./c4", "C4", "wikitext2"], "calibration", options),
  ).toEqual([
    "a.txt",
    join(cache, "c4", SHARD),
    "./c4",
    "C4",
    join(cache, "wikitext2", "train-00000-of-00001.parquet"),
  ]);
});
