/** Where downloaded files came from, written beside them: what a figure was measured on can be traced to a commit. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import * as errors from "./errors.ts";
import type { HubFile } from "./repository.ts";

/** Its name in a folder that holds a model. */
export const SOURCE_FILE = ".denoise-rotator-source.json";

const schema = z.object({
  schema: z.literal("denoise-rotator/source@1"),
  type: z.enum(["model", "dataset"]),
  repository: z.string(),
  /** Branch, tag or commit, as asked for. */
  revision: z.string(),
  /** What it meant: 40 hexadecimal digits. */
  commit: z.string(),
  /** Whether all files were there and checked when this was written. */
  complete: z.boolean(),
  files: z.array(
    z.object({
      path: z.string(),
      bytes: z.number(),
      /** `sha256:` of the content, or `git-sha1:`, the name of the git object. */
      checksum: z.string(),
    }),
  ),
});
export type Source = z.infer<typeof schema>;

export const sourceFiles = (files: readonly HubFile[]): Source["files"] =>
  files.map(({ path, size, checksum }) => ({
    path,
    bytes: size,
    checksum: `${checksum.algorithm}:${checksum.hex}`,
  }));

/** @returns null where there is none, or one that no version of ours wrote. @throws hub/unreadable */
export async function readSource(path: string): Promise<Source | null> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data : null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw errors.unreadable(path, cause);
  }
}

/** Whole or not at all. @throws hub/unwritable */
export async function writeSource(path: string, source: Omit<Source, "schema">): Promise<void> {
  const content = { schema: "denoise-rotator/source@1", ...source } satisfies Source;
  const temporary = `${path}.${process.pid}`;
  try {
    await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`);
    await rename(temporary, path);
  } catch (cause) {
    throw errors.unwritable(path, cause);
  }
}
