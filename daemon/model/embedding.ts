/** Token ids → rows of the embedding, read from disk row by row: a 128k × 8k embedding never has to be held. */
import type { Checkpoint } from "../checkpoint/index.ts";
import type { ModelConfig } from "./config.ts";
import type { EndTensors } from "./tensors.ts";
import { readFiniteFloats } from "./weights.ts";

/** Rows fetched with one read where neighbouring ids are needed too. */
const CHUNK_ROWS = 256;

export interface Embedding {
  /** `[ids.length, d]` row-major. */
  lookup(ids: Int32Array): Promise<Float32Array>;
}

export function openEmbedding(
  checkpoint: Checkpoint,
  config: ModelConfig,
  ends: EndTensors,
): Embedding {
  const { d } = config.shape;
  const chunks = new Map<number, Float32Array>();
  const capacity = Math.max(8, Math.floor((64 << 20) / (CHUNK_ROWS * d * 4)));
  const chunk = async (index: number): Promise<Float32Array> => {
    const cached = chunks.get(index);
    if (cached) return cached;
    const rowStart = index * CHUNK_ROWS;
    const rowEnd = Math.min(rowStart + CHUNK_ROWS, config.vocabSize);
    const values = await readFiniteFloats(checkpoint, ends.embedding, { rowStart, rowEnd });
    const oldest = chunks.keys().next();
    if (chunks.size >= capacity && !oldest.done) chunks.delete(oldest.value);
    chunks.set(index, values);
    return values;
  };
  return {
    async lookup(ids) {
      const out = new Float32Array(ids.length * d);
      // Positions sorted by id, so that each chunk is read once a call even when the cache is small.
      const order = Array.from(ids.keys()).sort((a, b) => (ids[a] ?? 0) - (ids[b] ?? 0));
      for (const at of order) {
        const id = ids[at] ?? 0;
        const rows = await chunk(Math.floor(id / CHUNK_ROWS));
        const row = (id % CHUNK_ROWS) * d;
        out.set(rows.subarray(row, row + d), at * d);
      }
      return out;
    },
  };
}
