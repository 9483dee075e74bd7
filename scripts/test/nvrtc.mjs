/**
 * NVIDIA's run-time compiler for the test that every CUDA program compiles: the machine's own where the loader finds it,
 * else the one in a Python wheel, put into `.cache/nvrtc`. It needs no GPU.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const WHEEL = "nvidia-cuda-nvrtc-cu12==12.9.86";

/** @returns {Record<string, string>} variables with which the test finds it; none where there is no such library */
export function findNvrtc(root) {
  if (process.platform !== "linux" || process.env.DENOISE_ROTATOR_TEST_NVRTC) return {};
  const target = join(root, ".cache", "nvrtc");
  const library = join(target, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so.12");
  if (!existsSync(library)) {
    console.log("Fetching NVRTC for the tests of the CUDA programs …");
    mkdirSync(target, { recursive: true });
    const pip = ["-m", "pip", "install", "--quiet", "--retries", "1", "--no-deps"];
    spawnSync("python3", [...pip, "--target", target, WHEEL], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, PIP_ROOT_USER_ACTION: "ignore" },
    });
  }
  if (existsSync(library)) return { DENOISE_ROTATOR_TEST_NVRTC: library };
  console.log("There is none; the test that the CUDA programs compile will be skipped.");
  return {};
}
