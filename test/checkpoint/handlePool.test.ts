/** The pool's promises: handles in use stay open, and there are never more than the limit. */

import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HandlePool } from "../../daemon/checkpoint/handlePool.ts";
import { fill, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();

/** A pool over files `a`, `b`, … that hold their own name, and the log of what it opened and closed. */
async function pool(capacity: number): Promise<{ files: HandlePool; log: string[] }> {
  await fill(folder(), { a: "a", b: "b", c: "c", d: "d" });
  const log: string[] = [];
  const files = new HandlePool(async (name) => {
    const handle = await open(join(folder(), name), "r");
    log.push(`+${name}`);
    const close = handle.close.bind(handle);
    return Object.assign(handle, {
      close: () => {
        log.push(`-${name}`);
        return close();
      },
    });
  }, capacity);
  return { files, log };
}

const content = async (handle: FileHandle): Promise<string> => {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 0);
  return buffer.toString();
};

describe("a pool", () => {
  it("closes the handle that was idle longest", async () => {
    const { files, log } = await pool(2);
    for (const name of ["a", "b", "a", "c", "a", "b"]) {
      expect(await files.use(name, content)).toBe(name);
    }
    await files.close();
    expect(log).toEqual(["+a", "+b", "-b", "+c", "-c", "+b", ...log.slice(6)]);
    expect(log.slice(6).sort()).toEqual(["-a", "-b"]);
  });

  it("leaves a handle open while it is in use", async () => {
    const { files, log } = await pool(2);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const busy = files.use("a", async (handle) => {
      await gate;
      return content(handle);
    });
    for (const name of ["b", "c", "d"]) expect(await files.use(name, content)).toBe(name);
    expect(log).not.toContain("-a");
    release();
    expect(await busy).toBe("a");
    await files.close();
  });

  it("runs no more uses than it has handles", async () => {
    const { files } = await pool(2);
    let running = 0;
    let most = 0;
    let allow = (): void => undefined;
    const twoRun = new Promise<void>((resolve) => (allow = resolve));
    const uses = ["a", "b", "c", "d", "a", "b", "c", "d"].map((name) =>
      files.use(name, async (handle) => {
        most = Math.max(most, ++running);
        if (running === 2) allow();
        await twoRun;
        const text = await content(handle);
        running--;
        return text;
      }),
    );
    expect((await Promise.all(uses)).join("")).toBe("abcdabcd");
    expect(most).toBe(2);
    await files.close();
  });

  it("tries a path again that could not be opened", async () => {
    const { files } = await pool(2);
    await expect(files.use("e", content)).rejects.toThrow("ENOENT");
    await fill(folder(), { e: "e" });
    expect(await files.use("e", content)).toBe("e");
    await files.close();
    await expect(files.use("e", content)).rejects.toThrow("closed");
  });
});
