/** What a run kept of a layer for heatmaps, opened: `heatmaps/layer-*.safetensors` with the rotation it names. */
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Checkpoint } from "../checkpoint/index.ts";
import type { IndexRange } from "../protocol/checkpoints.ts";
import { foundPath } from "../runFiles.ts";
import { ROLES, type LayerShape, type Role } from "../vocabulary.ts";
import { readBlock, type Block } from "./block.ts";
import { badHeatmap } from "./errors.ts";
import type { OpenCheckpoints } from "./openCheckpoints.ts";

export interface HeatmapLayer {
  readonly shape: LayerShape;
  /** Rows of a tensor that hold a role, in the dense checkpoint and in the output alike. */
  readonly places: Readonly<
    Record<Role, { readonly name: string; readonly rowStart: number; readonly rowEnd: number }>
  >;
  readonly rotated: boolean;
  /**
   * Where the dense checkpoint may be: where it was when the run wrote the layer, or beside the output under its name.
   * None where an earlier version wrote it.
   */
  readonly densePlaces: readonly string[];
  vector(name: string): Promise<Float32Array>;
  /** At place j stands the neuron that was at `neurons[j]`; null where all keep their places. */
  neurons(): Promise<Float32Array | null>;
  /** Columns of R1, all its rows. */
  r1(cols: IndexRange, signal: AbortSignal): Promise<Block>;
  /** `[kvHeads, headDim, headDim]` */
  r2(): Promise<Float32Array>;
}

const natural = z.int().min(0);
const place = z.object({ name: z.string(), rowStart: natural, rowEnd: natural });
const schema = z.object({
  shape: z.object({
    d: natural,
    heads: natural,
    kvHeads: natural,
    headDim: natural,
    ffn: natural,
  }),
  places: z.record(z.enum(ROLES), place),
  rotation: z
    .string()
    .regex(/^rotation-\d{5}\.safetensors$/)
    .nullable(),
  dense: z.string().transform(foundPath).optional(),
});

/** @throws tiles/bad-heatmap, and those of opening a checkpoint and of `use` */
export function withHeatmapLayer<T>(
  checkpoints: OpenCheckpoints,
  path: string,
  use: (layer: HeatmapLayer) => Promise<T>,
): Promise<T> {
  return checkpoints.with(path, async (file) => {
    const facts = factsOf(file, path);
    const { rotation, dense } = facts;
    const rotationPath = rotation === null ? null : join(dirname(path), rotation);
    return use({
      ...facts,
      densePlaces: dense === undefined ? [] : [dense, join(path, "../../..", basename(dense))],
      rotated: rotation !== null,
      vector: (name) => file.readFloats(name),
      neurons: () =>
        file.tensors.has("neurons") ? file.readFloats("neurons") : Promise.resolve(null),
      r1: (cols, signal) =>
        checkpoints.with(rotationPath ?? path, (opened) =>
          readBlock(opened, "r1", [0, facts.shape.d], cols, signal),
        ),
      r2: () => file.readFloats("r2"),
    });
  });
}

function factsOf(file: Checkpoint, path: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(file.metadata.heatmap ?? ""));
  } catch {
    throw badHeatmap(path);
  }
}
