/** Data of zero-shot tasks from a hub into the cache, where the tasks room finds it. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fetchInputs, fetchTaskData, inputsAtHand } from "../../daemon/hub/index.ts";
import { findTaskFiles } from "../../daemon/tasks/index.ts";
import { content, startHub } from "./fakeHub.ts";
import { FIRST, LARGE, refusal, setUp } from "./setup.ts";

const bench = setUp();
const CONVERTED = "refs/convert/parquet";

function publish(name: string, files: Record<string, Buffer>) {
  const repository = { type: "dataset", revisions: { [CONVERTED]: FIRST }, large: LARGE } as const;
  bench().hub.repositories.push({ ...repository, name, commits: { [FIRST]: files } });
}

const VALIDATION = content("validation", 4000);
const publishPiqa = () => {
  publish("baber/piqa", {
    "plain_text/train/0000.parquet": content("train", 100),
    "plain_text/validation/0000.parquet": VALIDATION,
  });
};

describe("task data", () => {
  test("is the part that the harness measures on; the second time no hub is asked", async () => {
    publishPiqa();
    publish("allenai/ai2_arc", {
      "ARC-Easy/test/0000.parquet": content("easy", 10),
      "ARC-Easy/validation/0000.parquet": content("no", 10),
      "ARC-Challenge/test/0000.parquet": content("hard one", 10),
      "ARC-Challenge/test/0001.parquet": content("hard two", 10),
    });
    const { hub, options } = bench();
    const tasks = ["piqa", "arc_easy", "arc_challenge"] as const;
    const place = await fetchTaskData(tasks, options);
    const found = await findTaskFiles(place, tasks);
    expect([...found].map(([task, files]) => [task, files.length])).toEqual([
      ["piqa", 1],
      ["arc_easy", 1],
      ["arc_challenge", 2],
    ]);
    await hub.close();
    expect(await fetchTaskData(tasks, options)).toBe(place);
  });

  test("goes on from the bytes of a stopped fetch", async () => {
    publishPiqa();
    const { hub, options } = bench();
    hub.faults.cut.set("0000.parquet", [1000, ...Array<number>(20).fill(0)]);
    expect((await refusal(fetchTaskData(["piqa"], options))).code).toBe("hub/interrupted");
    hub.faults.cut.clear();
    hub.seen.length = 0;
    await fetchTaskData(["piqa"], options);
    expect(hub.bodies("0000.parquet")[0]?.range).toBe("bytes=1000-");
  });

  test("without a network: what to put where; put there, it is taken", async () => {
    const { options } = bench();
    const gone = await startHub();
    await gone.close();
    const offline = { ...options, endpoint: gone.url };
    const error = await refusal(fetchTaskData(["hellaswag"], offline));
    expect(error.code).toBe("hub/offline");
    const folder = /put it into (\S+) as/.exec(error.message)?.[1] ?? "";
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "validation.jsonl"), "{}\n");
    const place = await fetchTaskData(["hellaswag"], offline);
    expect([...(await findTaskFiles(place, ["hellaswag"])).values()]).toEqual([
      [join(folder, "validation.jsonl")],
    ]);
  });

  test("that cannot be told apart is refused", async () => {
    publish("baber/piqa", {
      "one/validation/0000.parquet": VALIDATION,
      "two/validation/0000.parquet": VALIDATION,
    });
    expect((await refusal(fetchTaskData(["piqa"], bench().options))).code).toBe("hub/no-task-data");
  });
});

describe("what a run names", () => {
  test("is fetched for the run, and left out of a plan until it is there", async () => {
    publishPiqa();
    const { options } = bench();
    const asked = {
      out: "o",
      calibration: ["c4"],
      evaluation: { files: ["wikitext2"], seqLen: 9 },
      tasks: { tasks: ["piqa"], limit: 3 },
    } as const;
    expect(await inputsAtHand(asked, options)).toEqual({
      inputs: { out: "o", calibration: [] },
      missing: ["the evaluation text", "the data of the tasks", "the calibration text"],
    });
    const own = { ...asked, calibration: ["./a.txt"], evaluation: { files: ["b.txt"], seqLen: 9 } };
    const taskData = await fetchTaskData(["piqa"], options);
    const whole = { ...own, tasks: { ...own.tasks, taskData } };
    expect(await inputsAtHand(own, options)).toEqual({ inputs: whole, missing: [] });
    expect(await fetchInputs(own, options)).toEqual(whole);
  });
});
