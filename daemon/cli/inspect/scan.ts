/** Reads the data of a whole checkpoint once, with a bar while it lasts. */
import { dtypeInfo, formatBytes, tensorStatistics } from "../../checkpoint/index.ts";
import type { Checkpoint, TensorStatistics } from "../../checkpoint/index.ts";
import type { Io } from "../io.ts";
import { bar } from "../terminal/bar.ts";
import { createEta } from "../terminal/eta.ts";
import { duration } from "../terminal/numbers.ts";
import type { Screen } from "../terminal/screen.ts";

/** By name; without the tensors whose type has no statistics. */
export type Scan = ReadonlyMap<string, TensorStatistics>;

const BAR = 32;

export async function scan(
  checkpoint: Checkpoint,
  screen: Screen,
  io: Io,
  signal: AbortSignal,
): Promise<Scan> {
  const entries = [...checkpoint.tensors.values()].filter(
    ({ dtype }) => dtypeInfo(dtype).kind !== "opaque",
  );
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const eta = createEta(null);
  const found = new Map<string, TensorStatistics>();
  let read = 0;
  for (const entry of entries) {
    const fraction = total === 0 ? 1 : read / total;
    const left = eta.update(fraction, io.now() / 1000);
    const rest = left === null ? "" : `  about ${duration(left)} left`;
    screen.draw(() => [
      `  reading  ${bar(fraction, BAR, screen.style)}  ${formatBytes(read)} of ${formatBytes(total)}${rest}`,
    ]);
    found.set(entry.name, await tensorStatistics(checkpoint, entry.name, { signal }));
    read += entry.bytes;
  }
  screen.clear();
  return found;
}
