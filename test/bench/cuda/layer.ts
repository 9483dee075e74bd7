/** Whole layers through the pipeline: collect, 200 steps, SparseGPT 2:4 of all seven matrices, by stage. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openBackend } from "../../../daemon/backend/index.ts";
import { pruneOn, type RunEvent, type Stage } from "../../../daemon/pipeline/index.ts";
import { writeTinyText } from "../../support/tinyModel.ts";
import { round, type Row } from "../report.ts";
import { writeRandomModel } from "./model.ts";
import { SHAPES, type ShapeName } from "./shapes.ts";
import { peakGpuBytes } from "./step.ts";

/** The paper's calibration; small for the emulated GPU. */
const RUNS: Readonly<
  Record<ShapeName, { samples: number; seqLen: number; steps: number; layers: number; of: number }>
> = {
  "8b": { samples: 128, seqLen: 2048, steps: 200, layers: 3, of: 32 },
  "70b": { samples: 128, seqLen: 2048, steps: 200, layers: 1, of: 80 },
  tiny: { samples: 4, seqLen: 64, steps: 3, layers: 2, of: 32 },
};

/** @param signal ends the run; of the layers that were finished until then there are rows nevertheless */
export async function* layerRows(
  name: ShapeName,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const { samples, seqLen, steps, layers, of } = RUNS[name];
  await mkdir(folder, { recursive: true });
  const checkpoint = await writeRandomModel(folder, SHAPES[name], layers, seqLen);
  const text = await writeTinyText(join(folder, "text.txt"), 3 * samples * seqLen);
  const backend = await openBackend("cuda");
  const watch = stopwatch();
  const job = { checkpoint, out: join(folder, "out"), calibration: [text], samples, seqLen, steps };
  try {
    await pruneOn(backend, job, watch.listener, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const peak = peakGpuBytes();
  await backend.dispose();
  const { seconds: byLayer, last } = watch.finish();

  for (const [layer, stages] of byLayer) {
    if (layer === null || (signal.aborted && layer === last)) continue;
    const total = [...stages.values()].reduce((a, b) => a + b, 0);
    yield {
      layer,
      ...inSeconds(stages),
      "layer s": round(total),
      [`${of} layers min`]: round((total * of) / 60),
      "peak GPU GB": round(peak / 1e9),
    };
  }
  yield { layer: -1, ...inSeconds(byLayer.get(null) ?? new Map<Stage, number>()) };
}

const inSeconds = (stages: ReadonlyMap<Stage, number>): Row =>
  Object.fromEntries([...stages].map(([stage, s]) => [`${stage} s`, round(s)]));

/** Seconds by layer (null: outside of the layers) and stage, from the run's own events. */
function stopwatch() {
  const seconds = new Map<number | null, Map<Stage, number>>();
  let current: { stage: Stage; layer: number | null; since: number } | null = null;
  const close = () => {
    if (!current) return;
    const { stage, layer, since } = current;
    const stages = seconds.get(layer) ?? new Map<Stage, number>();
    stages.set(stage, (stages.get(stage) ?? 0) + (performance.now() - since) / 1000);
    seconds.set(layer, stages);
  };
  return {
    listener: (event: RunEvent): void => {
      if (event.type !== "progress") return;
      const { stage, layer } = event;
      if (current?.stage === stage && current.layer === layer) return;
      close();
      current = { stage, layer, since: performance.now() };
    },
    /** `last`: the layer that was at work in the end. */
    finish() {
      close();
      return { seconds, last: current?.layer ?? null };
    },
  };
}
