/**
 * NVIDIA's run-time compiler for the test that every CUDA program compiles, and the header of its driver for the test that
 * our declarations agree with it: the machine's own where the tests find them, else those in Python wheels, put into
 * `.cache`. Neither needs a GPU.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/** Wheels, each in a folder of its own under `.cache` since all fill one of the same name, and a file of it. */
const NVRTC = {
  wheel: "nvidia-cuda-nvrtc-cu12==12.9.86",
  folder: "nvrtc",
  file: "nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
};
const HEADERS = {
  wheel: "nvidia-cuda-runtime-cu12==12.9.79",
  folder: "cuda-headers",
  file: "nvidia/cuda_runtime/include/cuda.h",
};

/** @returns {Record<string, string>} variables with which the test finds it; none where there is no such library */
export function findNvrtc(root) {
  if (process.platform !== "linux" || process.env.DENOISE_ROTATOR_TEST_NVRTC) return {};
  fetched(root, HEADERS);
  const library = fetched(root, NVRTC);
  if (existsSync(library)) return { DENOISE_ROTATOR_TEST_NVRTC: library };
  console.log("There is none; the test that the CUDA programs compile will be skipped.");
  return {};
}

/** Where the file lies, or would. */
function fetched(root, { wheel, folder, file }) {
  const target = join(root, ".cache", folder);
  const path = join(target, file);
  if (!existsSync(path)) {
    console.log(`Fetching ${wheel} for the tests of the CUDA programs …`);
    mkdirSync(target, { recursive: true });
    const pip = ["-m", "pip", "install", "--quiet", "--retries", "1", "--no-deps"];
    spawnSync("python3", [...pip, "--target", target, wheel], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, PIP_ROOT_USER_ACTION: "ignore" },
    });
  }
  return path;
}
