/** An emulated card that computes nothing: what is left of a layer's time on it is the host's. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emulatedCuda } from "../emulation/cuda/index.ts";
import { report, type Row } from "./report.ts";

/**
 * Reports what `measure` finds; nothing, with the reason on stderr, where no card can be emulated.
 *
 * @param bytes memory of the card
 * @param measure given a folder of its own, in memory where the machine has such
 */
export async function reportOfIdleCard(
  bytes: number,
  measure: (folder: string) => Promise<readonly Row[]>,
): Promise<void> {
  const { folder: libraries, missing } = await emulatedCuda();
  if (libraries === undefined) {
    process.stderr.write(`  no emulated GPU here: ${missing ?? ""}\n`);
    report("none", []);
    return;
  }
  process.env.DENOISE_ROTATOR_CUDA = libraries;
  process.env.XDG_CACHE_HOME = join(libraries, "cache");
  process.env.EMULATED_GPU_IDLE = "1";
  process.env.EMULATED_GPU_BYTES = String(bytes);
  const folder = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bench-"));
  try {
    report("emulated GPU that computes nothing", await measure(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
