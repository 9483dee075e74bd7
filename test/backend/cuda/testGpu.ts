/**
 * The GPU that tests of the `cuda` backend run on: the machine's own where it has one, else the emulated one. Setting
 * `DENOISE_ROTATOR_TEST_GPU=real` makes it a failure to have none (test/gpu/run.sh).
 */
import path from "node:path";
import { listDevices } from "../../../daemon/backend/index.ts";
import { emulatedCuda, emulatedGpu, type EmulatedGpu } from "../../emulation/cuda/index.ts";

export type TestGpu =
  | { readonly kind: "real"; readonly name: string; readonly emulation?: undefined }
  | { readonly kind: "emulated"; readonly name: string; readonly emulation: EmulatedGpu }
  | { readonly kind: "none"; readonly name: string; readonly emulation?: undefined };

/**
 * Looks, and prepares the environment of this process so that `openBackend("cuda")` finds what was found. `name` says
 * for a test's title what it is, or why there is none.
 */
export async function testGpu(): Promise<TestGpu> {
  const own = await cudaReport();
  if (own.available) return { kind: "real", name: own.detail };
  if (process.env.DENOISE_ROTATOR_TEST_GPU === "real") {
    throw new Error(`A real GPU was asked for: ${own.missing ?? own.detail}`);
  }
  const { folder, missing } = await emulatedCuda();
  if (folder === undefined) return { kind: "none", name: `no GPU, and ${missing ?? ""}` };
  process.env.DENOISE_ROTATOR_CUDA = folder;
  // Emulated machine code has no business in the person's cache.
  process.env.XDG_CACHE_HOME = path.join(folder, "cache");
  const { available, detail, missing: broken } = await cudaReport();
  if (!available) throw new Error(`The emulated GPU is not taken: ${broken ?? detail}`);
  return { kind: "emulated", name: "emulated GPU", emulation: emulatedGpu(folder) };
}

async function cudaReport() {
  const report = (await listDevices()).find(({ device }) => device === "cuda");
  if (!report) throw new Error("the product knows no device cuda");
  return report;
}
