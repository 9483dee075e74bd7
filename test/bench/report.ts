/** What every benchmark prints: one JSON object on stdout. */
import { cpus, totalmem } from "node:os";

export type Row = Readonly<Record<string, string | number>>;

export function report(device: string, rows: readonly Row[]): void {
  const [cpu] = cpus();
  const machine = {
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    device,
  };
  process.stdout.write(JSON.stringify({ machine, rows }));
}

/** Median seconds of `repeats` runs after one to warm up. */
export async function medianSeconds(repeats: number, work: () => Promise<void>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push((performance.now() - start) / 1000);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? NaN;
}

export const round = (x: number, digits = 3): number => Number(x.toPrecision(digits));
