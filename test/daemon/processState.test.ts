/** What can be told of a process from outside, through all of its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { processState } from "../../daemon/processState.ts";
import { canMakeDying, endingProcess, zombie } from "../support/dyingProcess.ts";

/** Until it stands as asked: the time limit of the test is the limit. */
async function stands(pid: number, life: string): Promise<void> {
  while ((await processState(pid)).life !== life) await new Promise((r) => setTimeout(r, 10));
}

describe("a process", () => {
  test("is alive, gone when it was killed and its end was asked for", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const pid = child.pid ?? 0;
    expect(await processState(pid)).toMatchObject({ life: "alive" });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await processState(pid)).toEqual({ life: "gone" });
  });

  test.runIf(process.platform === "linux")(
    "is told from an earlier one of its number",
    async () => {
      const [own, parent] = [await processState(process.pid), await processState(process.ppid)];
      expect(own).toMatchObject({
        life: "alive",
        started: expect.stringMatching(/^\d+$/) as string,
      });
      expect(own).not.toEqual(parent);
      expect(await processState(process.pid)).toEqual(own);
    },
  );

  test.runIf(canMakeDying)("is ending as long as a thread is left, and then gone", async () => {
    const { pid, end } = await endingProcess();
    onTestFinished(end);
    await stands(pid, "ending");
    end();
    await stands(pid, "gone");
  });

  test.runIf(canMakeDying)("is gone as a zombie that nobody asks for", async () => {
    const { pid, end } = await zombie();
    onTestFinished(end);
    await stands(pid, "gone");
    expect(() => process.kill(pid, 0)).not.toThrow();
  });
});
