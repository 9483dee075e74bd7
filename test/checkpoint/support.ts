/** Hand-made safetensors files, built without the code under test, and temporary folders. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { DenoiseError } from "../../daemon/errors.ts";

/** A fresh folder per test, removed afterwards. */
export function useTemporaryFolder(): () => string {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "checkpoint-test-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  return () => folder;
}

/** Length field + header text + data, with the length field telling the truth unless told otherwise. */
export function rawFile(
  header: string | object,
  data: Uint8Array | number = 0,
  length?: bigint,
): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.byteLength));
  return Buffer.concat([prefix, text, typeof data === "number" ? Buffer.alloc(data) : data]);
}

/** Header entry of one tensor. */
export const entry = (dtype: string, shape: number[], begin: number, end: number): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** A valid file of F32 tensors. */
export function f32File(
  tensors: Record<string, number[]>,
  metadata?: Record<string, string>,
): Buffer {
  const header: Record<string, object> = metadata ? { __metadata__: metadata } : {};
  const values = Object.values(tensors).flat();
  let at = 0;
  for (const [name, row] of Object.entries(tensors)) {
    header[name] = entry("F32", [row.length], at, at + 4 * row.length);
    at += 4 * row.length;
  }
  return rawFile(header, new Uint8Array(Float32Array.from(values).buffer));
}

/** Writes files given by relative name. */
export async function fill(
  folder: string,
  files: Record<string, string | Uint8Array>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

/** The coded error `action` fails with; anything else is a failed test. */
export async function failure(action: Promise<unknown> | (() => unknown)): Promise<DenoiseError> {
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    expect(error).toBeInstanceOf(DenoiseError);
    if (error instanceof DenoiseError) return error;
  }
  throw new Error("expected a failure");
}

/** Small seeded generator (mulberry32), uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
