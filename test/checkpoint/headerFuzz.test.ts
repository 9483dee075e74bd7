/** Mutated headers: every outcome is a valid table or a coded error, quickly and without large allocations. */

import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Header } from "../../daemon/checkpoint/header.ts";
import { LENGTH_BYTES, parseHeader, parseHeaderLength } from "../../daemon/checkpoint/header.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { DenoiseError } from "../../daemon/errors.ts";
import { mutants } from "./mutants.ts";
import { entry, fill, rawFile, useTemporaryFolder } from "./support.ts";

/** The table of a one-layer LLaMA checkpoint, as the reference implementation writes it. */
function oneLayerFile(): Buffer {
  const layer = "model.layers.0.";
  const shapes: Record<string, number[]> = {
    "model.embed_tokens.weight": [64, 16],
    [`${layer}input_layernorm.weight`]: [16],
    [`${layer}self_attn.q_proj.weight`]: [16, 16],
    [`${layer}self_attn.k_proj.weight`]: [8, 16],
    [`${layer}self_attn.o_proj.weight`]: [16, 16],
    [`${layer}mlp.down_proj.weight`]: [16, 24],
    "model.norm.weight": [16],
  };
  let at = 0;
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = shape.reduce((a, b) => a * b) * 2;
    header[name] = entry("BF16", shape, at, (at += bytes));
  }
  return rawFile(header, at);
}

/** A published model's file, where the shared data is at hand. */
const PUBLISHED = join(
  import.meta.dirname,
  "../../../shared/data/stories260K-mistral/model.safetensors",
);

function parseFile(file: Uint8Array): Header {
  const length = parseHeaderLength(file.subarray(0, LENGTH_BYTES), "m.safetensors", file.length);
  const end = LENGTH_BYTES + length;
  return parseHeader(file.subarray(LENGTH_BYTES, end), "m.safetensors", file.length - end);
}

/** What a reader may rely on: the tensors tile the data exactly. */
function assertTiles(header: Header, dataBytes: number): void {
  let end = 0;
  for (const t of header.tensors) {
    expect(t.begin).toBe(end);
    expect(t.shape.reduce((a, b) => a * b, 1)).toBe(t.elements);
    end += t.bytes;
  }
  expect(end).toBe(dataBytes);
}

/** Parses `runs` mutants; returns how often each outcome came. */
function fuzz(base: Buffer, runs: number): Map<string, number> {
  const outcomes = new Map<string, number>();
  const count = (outcome: string): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  fc.assert(
    fc.property(mutants(base), (file) => {
      const before = process.memoryUsage();
      try {
        const header = parseFile(file);
        assertTiles(header, file.length - LENGTH_BYTES - Number(file.readBigUInt64LE()));
        count("valid");
      } catch (error) {
        if (!(error instanceof DenoiseError)) throw error;
        expect(error.kind).toBe("input");
        expect(error.message.length).toBeLessThan(2000);
        count(error.code);
      }
      const after = process.memoryUsage();
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1e8);
      expect(after.heapTotal - before.heapTotal).toBeLessThan(1e8);
    }),
    { numRuns: runs, seed: 20 },
  );
  return outcomes;
}

describe("mutated headers", () => {
  it("are read or refused with a coded error, with bounded memory", () => {
    const outcomes = fuzz(oneLayerFile(), 6000);
    // The mutations must reach deep: a fuzzer that only ever breaks the JSON proves little.
    const deep = ["size-mismatch", "truncated", "unknown-dtype", "bad-entry", "header-not-json"];
    for (const code of deep) expect(outcomes.get(`checkpoint/${code}`), code).toBeGreaterThan(5);
    expect(outcomes.size).toBeGreaterThan(10);
  });

  it.skipIf(!existsSync(PUBLISHED))("of a published model too (needs ../shared/data)", () => {
    const outcomes = fuzz(readFileSync(PUBLISHED), 1500);
    expect(outcomes.size).toBeGreaterThan(7);
  });
});

describe("mutated files on disk", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder(), "model.safetensors");

  it("are opened or refused with a coded error", async () => {
    await fc.assert(
      fc.asyncProperty(mutants(oneLayerFile()), async (file) => {
        await fill(folder(), { "model.safetensors": file });
        const before = process.memoryUsage().arrayBuffers;
        const opened = await openCheckpoint(path()).catch((error: unknown) => {
          if (!(error instanceof DenoiseError)) throw error;
          return null;
        });
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e8);
        await opened?.close();
      }),
      { numRuns: 500, seed: 21 },
    );
  });

  it.each([99_999_999n, 100_000_000n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n])(
    "that claim a header of %d bytes get no memory for it",
    async (length) => {
      await fill(folder(), { "model.safetensors": rawFile("{}", 100, length) });
      const before = process.memoryUsage().arrayBuffers;
      await expect(openCheckpoint(path())).rejects.toBeInstanceOf(DenoiseError);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
    },
  );
});
