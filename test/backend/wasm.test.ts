import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend, prunedMassObjective } from "../../daemon/backend/index.ts";
import { findBlas } from "../../daemon/backend/wasm/blas.ts";
import { floatsAt, type WasmBackend } from "../../daemon/backend/wasm/heap.ts";
import type { Pattern } from "../../daemon/vocabulary.ts";
import { buildKernels } from "../../scripts/build-kernels.mjs";
import { backendLaws } from "./laws/index.ts";

beforeAll(async () => {
  await buildKernels();
});

backendLaws("wasm without BLAS", () => openBackend("wasm", { blas: false }), { half: true });

const search = await findBlas();
describe.skipIf(search.blas === undefined)(
  `with BLAS${search.blas ? "" : ` (${search.why})`}`,
  () => {
    backendLaws("wasm", () => openBackend("wasm"), { half: true });
  },
);

test("says what computes, and why", async () => {
  const plain = await openBackend("wasm", { blas: false });
  expect(plain).toMatchObject({
    device: "wasm",
    description: "wasm without BLAS (not asked for)",
    reason: "asked for",
  });
  await plain.dispose();
  const best = await openBackend("wasm");
  expect(best.description).toBe(
    search.blas ? `wasm with ${search.blas.description}` : `wasm without BLAS (${search.why})`,
  );
  await best.dispose();
});

test("an allocation that cannot be is an error, not an overwritten heap", async () => {
  const backend = await openBackend("wasm", { blas: false });
  const kept = tf.tensor1d([1, 2, 3]);
  const ones = (gib: number): tf.Tensor => tf.fill([gib * 2 ** 28], 1);
  for (const gib of [2, 3, 5]) {
    expect(() => ones(gib)).toThrow(expect.objectContaining({ code: "backend/tensor-too-large" }));
  }
  expect([...(await kept.data())]).toEqual([1, 2, 3]);
  kept.dispose();
  await backend.dispose();
});

test("a full heap is an error, and what is in it stays", async () => {
  const backend = await openBackend("wasm", { blas: false });
  const kept = tf.tensor1d([1, 2, 3]);
  // Untouched memory costs the machine nothing: reserve without writing.
  const heap = tf.backend() as unknown as WasmBackend;
  expect(() => {
    for (let i = 0; i < 4; i++) heap.makeOutput([2 ** 28], "float32");
  }).toThrow(expect.objectContaining({ code: "backend/out-of-memory" }));
  expect([...(await kept.data())]).toEqual([1, 2, 3]);
  await backend.dispose();
});

test("what lies in memory before a kernel runs does not matter", async () => {
  const backend = await openBackend("wasm", { blas: false });
  const heap = tf.backend() as unknown as WasmBackend;
  const malloc = heap.wasm._malloc.bind(heap.wasm);
  const run = async (fill: number, pattern: Pattern, temperature: number): Promise<unknown> => {
    heap.wasm._malloc = (bytes) => {
      const at = malloc(bytes);
      floatsAt(heap, at, Math.floor(bytes / 4)).fill(fill);
      return at;
    };
    const values = Float32Array.from({ length: 2 * 15 }, (_, i) => Math.sin(i));
    const [w, c] = [tf.tensor2d(values, [2, 15]), tf.ones<tf.Rank.R1>([15])];
    const results = Object.values(prunedMassObjective(w, c, pattern, temperature));
    const read = await Promise.all(results.map((result) => result.data()));
    tf.dispose([w, c, results]);
    return read;
  };
  for (const pattern of [
    { kind: "nm", keep: 2, of: 3 },
    { kind: "unstructured", share: 0.5 },
  ] as const) {
    for (const temperature of [0, 1]) {
      const read = await run(NaN, pattern, temperature);
      expect(read).toEqual(await run(0, pattern, temperature));
    }
  }
  heap.wasm._malloc = malloc;
  await backend.dispose();
});

test("kernels.wasm brings no data of its own into the memory it shares", async () => {
  const { path } = await buildKernels();
  expect(sectionIds(await readFile(path))).not.toContain(DATA_SECTION);
});

const DATA_SECTION = 11;

/** Section ids of a WASM binary: 8 bytes of header, then id, LEB128 size, content. */
function sectionIds(binary: Uint8Array): number[] {
  const ids: number[] = [];
  let at = 8;
  while (at < binary.length) {
    ids.push(binary[at++] ?? NaN);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}
