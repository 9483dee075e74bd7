import { mkdir, readFile, readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashFor } from "../../daemon/hub/checksum.ts";
import { SOURCE_FILE, downloadModel } from "../../daemon/hub/index.ts";
import type { DownloadProgress } from "../../daemon/hub/index.ts";
import { sha256 } from "./fakeHub.ts";
import { DIGESTS, FIRST, MODEL, SECOND, contents, model, refusal, setUp } from "./setup.ts";

const bench = setUp();
const A = "model-00001-of-00002.safetensors";
const B = "model-00002-of-00002.safetensors";

const source = async (folder: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, SOURCE_FILE), "utf8")) as Record<string, unknown>;

test("checksums of small files are git's names: of nothing, and of hello (git hash-object)", () => {
  const name = (text: string) =>
    hashFor({
      path: "x",
      size: text.length,
      checksum: { algorithm: "git-sha1", hex: "" },
    })
      .update(text)
      .digest("hex");
  expect(name("")).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  expect(name("hello\n")).toBe("ce013625030ba8dba906f756967f9e9ca394464a");
});

describe("a whole download", () => {
  test("brings the checkpoint's files and no others, byte for byte", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const result = await downloadModel("org/tiny", out, options);
    expect(await contents(out)).toEqual(DIGESTS);
    expect(result).toMatchObject({ folder: out, repository: "org/tiny", commit: FIRST });
    expect(result.files.map(({ path }) => path).sort()).toEqual(Object.keys(MODEL).sort());
    expect(result.bytes).toBe(Object.values(MODEL).reduce((sum, { length }) => sum + length, 0));
    const asked = new Set(hub.bodies().map(({ path }) => path.split("/").at(-1)));
    // Of an empty file there is nothing to ask for.
    expect(asked).toEqual(new Set(Object.keys(MODEL).filter((name) => name !== "merges.txt")));
  });

  test("takes model.safetensors before an index, and a lone file of another name", async () => {
    const { hub, work, options } = bench();
    const config = { "config.json": Buffer.from("{}") };
    hub.repositories.push(
      model({ ...MODEL, "model.safetensors": Buffer.from("one") }, { name: "org/both" }),
      model({ ...config, "weights.safetensors": Buffer.from("one") }, { name: "alone" }),
    );
    await downloadModel("org/both", join(work, "both"), options);
    expect(Object.keys(await contents(join(work, "both")))).not.toContain(A);
    await downloadModel("alone", join(work, "alone"), options);
    expect(Object.keys(await contents(join(work, "alone")))).toEqual([
      "config.json",
      "weights.safetensors",
    ]);
  });

  test("tells how far it is: never back, to the end", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const events: DownloadProgress[] = [];
    const onProgress = (event: DownloadProgress) => events.push(event);
    await downloadModel("org/tiny", out, { ...options, onProgress });
    const bytes = events.map((event) => event.bytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    const files = Object.keys(MODEL).length;
    expect(events.at(-1)).toMatchObject({ fileDone: true, filesDone: files, files });
    expect(bytes.at(-1)).toBe(events.at(-1)?.totalBytes);
  });

  test("fetches several files at a time, at most four", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    let [now, most] = [0, 0];
    const waiting: (() => void)[] = [];
    hub.faults.beforeBody = async (name) => {
      // The index comes alone, before it is known what else there is.
      if (name.endsWith(".index.json")) return;
      most = Math.max(most, ++now);
      // The first waits for a second: it would for ever if there were none.
      await new Promise<void>((go) => {
        waiting.push(go);
        if (waiting.length >= 2) for (const release of waiting) release();
      });
      now--;
    };
    await downloadModel("org/tiny", out, options);
    expect(most).toBeGreaterThanOrEqual(2);
    expect(most).toBeLessThanOrEqual(4);
  });
});

describe("the revision", () => {
  test("is resolved once and pinned: every file is asked for by commit", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model(undefined, { revisions: { main: SECOND, "v1.0": FIRST } }));
    await downloadModel("org/tiny@v1.0", out, options);
    expect(await source(out)).toMatchObject({
      schema: "denoise-rotator/source@1",
      type: "model",
      repository: "org/tiny",
      revision: "v1.0",
      commit: FIRST,
      complete: true,
    });
    expect((await source(out)).files).toContainEqual({
      path: A,
      bytes: 300_001,
      checksum: `sha256:${sha256(MODEL[A] ?? Buffer.alloc(0))}`,
    });
    const files = hub.seen.filter(({ path }) => /\/(tree|resolve)\//.test(path));
    expect(files.every(({ path }) => path.includes(`/${FIRST}`))).toBe(true);
  });

  test("may be a pull request's", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model(undefined, { revisions: { "refs/pr/1": FIRST } }));
    expect((await downloadModel("org/tiny@refs/pr/1", out, options)).commit).toBe(FIRST);
  });

  test("that has moved does not get into the same folder; the pinned one can be completed", async () => {
    const { hub, out, options } = bench();
    const repository = model();
    hub.repositories.push(repository);
    hub.faults.corrupt.set(A, 9);
    expect((await refusal(downloadModel("org/tiny", out, options))).code).toBe("hub/corrupt");
    expect(await source(out)).toMatchObject({ commit: FIRST, complete: false });

    hub.faults.corrupt.clear();
    repository.commits[SECOND] = { ...MODEL, "config.json": Buffer.from("other") };
    repository.revisions.main = SECOND;
    const moved = await refusal(downloadModel("org/tiny", out, options));
    expect(moved.code).toBe("hub/other-commit");
    expect(moved.message).toContain(`org/tiny@${FIRST}`);
    await downloadModel(`org/tiny@${FIRST}`, out, options);
    expect(await contents(out)).toEqual(DIGESTS);
  });
});

describe("what breaks on the way", () => {
  test("a broken connection is taken up again at the byte where it broke", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.cut.set(A, [100_000, 50_000]);
    await downloadModel("org/tiny", out, options);
    expect(hub.bodies(A).filter(({ server }) => server === "store")).toMatchObject([
      { range: undefined },
      { range: "bytes=100000-" },
      { range: "bytes=150000-" },
    ]);
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("one that breaks for good leaves a partial file, from which the next call goes on", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.cut.set(A, [123_456, ...Array<number>(20).fill(0)]);
    const error = await refusal(downloadModel("org/tiny", out, options));
    expect(error.code).toBe("hub/interrupted");
    expect(error.message).toContain(A);
    expect((await stat(join(out, `${A}.partial`))).size).toBe(123_456);

    hub.faults.cut.clear();
    hub.seen.length = 0;
    await downloadModel("org/tiny", out, options);
    expect(hub.bodies(A).map(({ range }) => range)).toContain("bytes=123456-");
    expect(hub.bodies(A).every(({ range }) => range === "bytes=123456-")).toBe(true);
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("an abort stops all files, keeps what has arrived, and the next call goes on from it", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const stop = new AbortController();
    let reached: () => void = () => undefined;
    const arrived = new Promise<void>((done) => (reached = done));
    hub.faults.cut.set(A, [80_000]);
    // The second request of the file never gets an answer: only the abort ends it.
    let asked = 0;
    hub.faults.beforeBody = (name) => {
      if (name !== A || ++asked < 2) return Promise.resolve();
      reached();
      return new Promise(() => undefined);
    };
    const running = downloadModel("org/tiny", out, { ...options, signal: stop.signal });
    await Promise.race([arrived, running]);
    stop.abort();
    const error = await refusal(running);
    expect([error.code, error.kind]).toEqual(["hub/cancelled", "cancelled"]);
    expect((await stat(join(out, `${A}.partial`))).size).toBe(80_000);
    expect(await readdir(out)).not.toContain(A);

    hub.faults.beforeBody = () => Promise.resolve();
    hub.seen.length = 0;
    await downloadModel("org/tiny", out, options);
    expect(hub.bodies(A)[0]?.range).toBe("bytes=80000-");
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("a server that knows no ranges still completes a partial file", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.cut.set(A, [100_000]);
    hub.faults.ignoreRange = true;
    await downloadModel("org/tiny", out, options);
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("content with a wrong checksum is thrown away and fetched again, large files and small", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.corrupt.set(A, 1);
    hub.faults.corrupt.set("tokenizer.json", 1);
    await downloadModel("org/tiny", out, options);
    expect(await contents(out)).toEqual(DIGESTS);
    expect(hub.bodies(A).filter(({ server }) => server === "store")).toHaveLength(2);
    expect(hub.bodies("tokenizer.json")).toHaveLength(2);
  });

  test("content that stays wrong is an error, and nothing of it stays", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.corrupt.set(A, 9);
    const error = await refusal(downloadModel("org/tiny", out, options));
    expect(error.code).toBe("hub/corrupt");
    expect(error.message).toContain(A);
    expect((await readdir(out)).filter((name) => name.startsWith(A))).toEqual([]);
  });

  test("when one file fails, the others stop", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.corrupt.set(A, 9);
    // Without an end of its own: the download would wait for it for ever.
    hub.faults.beforeBody = (name) =>
      name === B ? new Promise(() => undefined) : Promise.resolve();
    expect((await refusal(downloadModel("org/tiny", out, options))).code).toBe("hub/corrupt");
  });

  test("a partial file that an earlier run left damaged is thrown away", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    // Nothing arrives of either shard, so that neither is finished.
    for (const shard of [A, B]) hub.faults.cut.set(shard, Array<number>(20).fill(0));
    await refusal(downloadModel("org/tiny", out, options));
    hub.faults.cut.clear();
    await writeFile(join(out, `${A}.partial`), Buffer.alloc(1000));
    await writeFile(join(out, `${B}.partial`), Buffer.alloc(1_000_000));
    await downloadModel("org/tiny", out, options);
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("a finished folder is checked again, and only what is damaged is fetched", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    await downloadModel("org/tiny", out, options);
    hub.seen.length = 0;
    await downloadModel("org/tiny", out, options);
    expect(hub.bodies()).toEqual([]);

    const changed = Buffer.from(MODEL[A] ?? "");
    changed[7] = (changed[7] ?? 0) ^ 1;
    await writeFile(join(out, A), changed);
    await truncate(join(out, "tokenizer.json"), 5);
    await downloadModel("org/tiny", out, options);
    const fetched = new Set(hub.bodies().map(({ path }) => path.split("/").at(-1)));
    expect(fetched).toEqual(new Set([A, "tokenizer.json"]));
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("a list that breaks off is asked for again; one that always does is an error", async () => {
    const { hub, work, options } = bench();
    hub.repositories.push(model());
    hub.faults.brokenAnswers = 3;
    await downloadModel("org/tiny", join(work, "a"), options);
    expect(await contents(join(work, "a"))).toEqual(DIGESTS);
    hub.faults.brokenAnswers = 99;
    const error = await refusal(downloadModel("org/tiny", join(work, "b"), options));
    expect(error.code).toBe("hub/unexpected-answer");
  });

  test("a signal that is aborted before, or while the hub is asked", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const signal = AbortSignal.abort();
    expect((await refusal(downloadModel("org/tiny", out, { ...options, signal }))).code).toBe(
      "hub/cancelled",
    );
    expect(hub.seen).toEqual([]);
    // While it waits to ask again.
    hub.faults.statuses = [{ status: 503, retryAfter: "30" }];
    const stop = new AbortController();
    const running = downloadModel("org/tiny", out, { ...options, signal: stop.signal });
    while (hub.faults.statuses.length > 0) await new Promise((done) => setTimeout(done, 5));
    stop.abort();
    expect((await refusal(running)).code).toBe("hub/cancelled");
  });

  test.each([[429, "0"] as const, [503, undefined] as const])(
    "status %i is asked again, some times",
    async (status, retryAfter) => {
      const { hub, work, options } = bench();
      hub.repositories.push(model());
      const fault = { status, ...(retryAfter !== undefined && { retryAfter }) };
      hub.faults.statuses = [fault, fault];
      await downloadModel("org/tiny", join(work, "a"), options);
      expect(await contents(join(work, "a"))).toEqual(DIGESTS);
      hub.faults.statuses = Array.from({ length: 99 }, () => fault);
      const error = await refusal(downloadModel("org/tiny", join(work, "b"), options));
      expect(error.code).toBe("hub/unavailable");
      expect(error.message).toContain(String(status));
    },
  );
});

describe("the folder and the disk", () => {
  test("what does not fit is not begun", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.listedSize.set(A, 8e15);
    const error = await refusal(downloadModel("org/tiny", out, options));
    expect(error.code).toBe("hub/disk-full");
    expect(error.message).toMatch(/8000 TB are still to be downloaded and .+ are free/);
    expect(hub.bodies(A)).toEqual([]);
    expect(await contents(out)).toEqual({
      "model.safetensors.index.json": DIGESTS["model.safetensors.index.json"],
    });
  });

  test("other files, and another model, are not mixed with", async () => {
    const { hub, work, out, options } = bench();
    hub.repositories.push(model(), model(undefined, { name: "org/other" }));
    const taken = join(work, "taken");
    await mkdir(taken);
    await writeFile(join(taken, "config.json"), "mine");
    expect((await refusal(downloadModel("org/tiny", taken, options))).code).toBe(
      "hub/folder-taken",
    );
    expect(await readFile(join(taken, "config.json"), "utf8")).toBe("mine");
    await downloadModel("org/tiny", out, options);
    const other = await refusal(downloadModel("org/other", out, options));
    expect([other.code, other.message]).toEqual([
      "hub/other-model",
      expect.stringContaining("org/tiny"),
    ]);
  });
});
