/** A disk that fills up in the middle of a run: told as what it is, and nothing is lost. Needs a file system to fill. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { contents, useRuns } from "./useRuns.ts";

const disk = mkdtempSync(join(tmpdir(), "disk-"));
const mounted =
  process.platform === "linux" &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status === 0;
if (!mounted) console.log("Skipped: full disk (mounting a small tmpfs needs Linux and root).");
afterAll(() => {
  if (mounted) spawnSync("umount", [disk]);
  rmSync(disk, { recursive: true });
});

describe.skipIf(!mounted)("a disk that is full", () => {
  const runs = useRuns();
  const filler = join(disk, "filler");

  test.each(["after the first layer", "when the output is put together"])(
    "%s: a coded error, and with room again the run ends with the same bytes",
    async (when) => {
      const asked = await runs.options({ layers: 3 });
      const { output: whole } = await runs.run(asked);
      const out = join(disk, when.replaceAll(" ", "-"), "out");
      await mkdir(join(out, ".."));

      let full = false;
      const stopped = runs.run({ ...asked, out }, (event) => {
        const now =
          when === "after the first layer"
            ? event.type === "layer"
            : event.type === "progress" && event.stage === "commit";
        if (now && !full) fill();
        full ||= now;
      });
      await expect(stopped).rejects.toMatchObject({ code: "checkpoint/disk-full" });
      await rm(filler);

      const { output } = await runs.run({ ...asked, out, resume: true });
      expect(await contents(output)).toEqual(await contents(whole));
    },
  );

  /** Takes all the room there is, at once. */
  function fill(): void {
    const { bavail, bsize } = statfsSync(disk);
    try {
      writeFileSync(filler, new Uint8Array(bavail * bsize));
    } catch {
      // Even less room than was said.
    }
  }
});
