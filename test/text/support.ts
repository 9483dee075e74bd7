/** What the tests of this room share: fixtures, reference data, throw-away files. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";

/** Reference data beside the repository; absent on a plain clone, where tests that need it are skipped. */
export const DATA = path.resolve(import.meta.dirname, "../../../shared/data");
export const hasData = existsSync(DATA);

export const fixture = (...parts: string[]): string =>
  path.join(import.meta.dirname, "fixtures", ...parts);

/** The caller names the type: fixtures and reference files are the tests' own. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

const folder = mkdtempSync(path.join(tmpdir(), "denoise-text-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
let count = 0;

/** Writes a new file whose name ends in `name` and returns its path. */
export function temporary(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, `${count++}-${name}`);
  writeFileSync(file, content);
  return file;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
