/** Whose lock is respected, whose is waited for, and whose is taken over. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { takeLock } from "../../daemon/pipeline/lock.ts";
import { processState } from "../../daemon/processState.ts";
import { canMakeDying, endingProcess, zombie, type DyingProcess } from "../support/dyingProcess.ts";

const never = new AbortController().signal;
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dr-lock-"));
  file = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

async function heldBy(pid: number, more: { host?: string; started?: string } = {}): Promise<void> {
  const state = await processState(pid);
  const started = state.life === "gone" ? "" : state.started;
  await writeFile(file, JSON.stringify({ pid, host: hostname(), started, ...more }));
}

async function heldByEnding(): Promise<DyingProcess> {
  const dying = await endingProcess();
  onTestFinished(dying.end);
  while ((await processState(dying.pid)).life !== "ending") await sleep(10);
  await heldBy(dying.pid);
  return dying;
}

const holder = async (): Promise<unknown> => JSON.parse(await readFile(file, "utf8"));

test("is there with its holder's number until it is given back", async () => {
  const release = await takeLock(file, never);
  expect(await holder()).toMatchObject({ pid: process.pid, host: hostname() });
  await expect(takeLock(file, never)).rejects.toMatchObject({ code: "pipeline/run-in-progress" });
  await release();
  expect(existsSync(file)).toBe(false);
});

test("of a living process, or one of another machine, is respected", async () => {
  await heldBy(process.ppid);
  await expect(takeLock(file, never)).rejects.toMatchObject({ code: "pipeline/run-in-progress" });
  await heldBy(process.ppid, { host: "another machine" });
  await expect(takeLock(file, never)).rejects.toMatchObject({ code: "pipeline/run-in-progress" });
});

test.runIf(process.platform === "linux")(
  "of an earlier process of the same number is taken over",
  async () => {
    await heldBy(process.ppid, { started: "another time" });
    await takeLock(file, never);
    expect(await holder()).toMatchObject({ pid: process.pid });
  },
);

test.runIf(canMakeDying)("of a zombie is taken over", async () => {
  const { pid, end } = await zombie();
  onTestFinished(end);
  while ((await processState(pid)).life !== "gone") await sleep(10);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  await heldBy(pid, { started: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] });
  await takeLock(file, never);
  expect(await holder()).toMatchObject({ pid: process.pid });
});

test.runIf(canMakeDying)("of a process that is ending is waited for", async () => {
  const dying = await heldByEnding();
  let taken = false;
  const taking = takeLock(file, never).then(() => {
    taken = true;
  });
  await sleep(300);
  expect(taken).toBe(false);
  dying.end();
  await taking;
  expect(await holder()).toMatchObject({ pid: process.pid });
});

test.runIf(canMakeDying)("is not waited for any more when the run is cancelled", async () => {
  const dying = await heldByEnding();
  const stop = new AbortController();
  const taking = takeLock(file, stop.signal);
  stop.abort();
  await expect(taking).rejects.toMatchObject({ name: "AbortError" });
  expect(await holder()).toMatchObject({ pid: dying.pid });
});
