import { readFile } from "node:fs/promises";
import { defineConfig, type Plugin } from "vitest/config";

/** CUDA C is imported as text, as the bundler does it. */
const cudaSources: Plugin = {
  name: "cuda-sources",
  async load(id) {
    if (!id.endsWith(".cu")) return null;
    return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
  },
};

export default defineConfig({
  plugins: [cudaSources],
  test: {
    include: ["test/**/*.test.ts"],
    // Backends are process-wide (TensorFlow.js keeps one global engine), so every file gets its own process.
    pool: "forks",
    maxWorkers: 2,
    // For what hangs, on the slowest machine with two files at work: no test takes as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
