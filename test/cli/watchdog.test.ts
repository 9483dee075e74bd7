/** A main thread that computes hears no signal; the process ends in time all the same. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;

beforeAll(async () => {
  // Inside the repository, where koffi is found from.
  await mkdir(join(root, ".cache"), { recursive: true });
  folder = await mkdtemp(join(root, ".cache", "watchdog-"));
  await build({
    stdin: {
      contents: `
        import { startWatchdog } from "./daemon/cli/watchdog.ts";
        const dog = startWatchdog({ text: "Stopping.", patienceMs: 200, exitCode: 130 });
        process.on("SIGINT", () => dog.told());
        setTimeout(() => {
          process.stdout.write("busy");
          const start = Date.now();
          while (Date.now() - start < 30_000);
          process.stdout.write("ended");
        }, 1000);`,
      resolveDir: root,
      loader: "ts",
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: join(folder, "busy.mjs"),
  });
});
afterAll(() => rm(folder, { recursive: true }));

test.each([["SIGINT"], ["SIGTERM"]] as const)(
  "%s while the main thread is busy",
  async (signal) => {
    const child = spawn(process.execPath, [join(folder, "busy.mjs")]);
    let stdout = "";
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout === "busy") child.kill(signal);
    });
    // SIGTERM has no listener in the child's main thread: the watchdog's own keeps it alive until time is up.
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "busy", stderr: "Stopping.\n" });
  },
);
