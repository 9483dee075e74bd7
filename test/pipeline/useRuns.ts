/** What tests of whole runs have in common: a device, a folder for each test, runs on a tiny model in it. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import {
  pruneOn,
  silent,
  type PruneOptions,
  type RunListener,
} from "../../daemon/pipeline/index.ts";
import { writeTinyModel, writeTinyText, type TinyOptions } from "../support/tinyModel.ts";

export const never = new AbortController().signal;

export interface Runs {
  /** Of the current test. */
  readonly folder: string;
  /** A tiny model, a text it can read, and options to prune it quickly. */
  readonly options: (tiny: TinyOptions, more?: Partial<PruneOptions>) => Promise<PruneOptions>;
  readonly run: (
    options: PruneOptions,
    listener?: RunListener,
    signal?: AbortSignal,
  ) => ReturnType<typeof pruneOn>;
}

/** To be called once at the top of a test file. */
export function useRuns(): Runs {
  let backend: Backend;
  let folder: string;
  beforeAll(async () => {
    backend = await openBackend("wasm");
  });
  afterAll(() => backend.dispose());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "runs-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  return {
    get folder() {
      return folder;
    },
    options: async (tiny, more) => ({
      checkpoint: await writeTinyModel(folder, tiny),
      out: join(folder, "out"),
      calibration: [await writeTinyText(join(folder, "text.txt"))],
      samples: 6,
      seqLen: 24,
      sampling: "sequential",
      steps: 8,
      ...more,
    }),
    run: (options, listener = silent, signal = never) =>
      pruneOn(backend, options, listener, signal),
  };
}

/** Every file below a folder, by its path in it. */
export async function contents(root: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(root, path), await readFile(path));
  }
  return files;
}
