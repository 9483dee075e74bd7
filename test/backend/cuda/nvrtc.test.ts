/**
 * Every CUDA program compiles with NVIDIA's own compiler for the oldest and the newest architecture we support and for
 * Hopper. NVRTC needs no GPU: it is the machine's own, or what `npm test` put into `.cache/nvrtc`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { cacheKey, cubinCache } from "../../../daemon/backend/cuda/cubinCache.ts";
import convert from "../../../daemon/backend/cuda/convert.cu";
import { bindCompiler, loadNative, type Compiler } from "../../../daemon/backend/cuda/ffi/index.ts";
import { PROGRAMS as fused } from "../../../daemon/backend/cuda/fused/programs.ts";
import { PROGRAMS as kernels } from "../../../daemon/backend/cuda/kernels/programs.ts";
import prelude from "../../../daemon/backend/cuda/prelude.cu";
import { kernelsIn } from "./cubin.ts";

const ARCHITECTURES = ["sm_80", "sm_90", "sm_120"];
const programs = [...kernels, ...fused, { name: "convert.cu", source: convert }];

const CACHE = path.resolve(import.meta.dirname, "../../../.cache/nvrtc");
const CANDIDATES = [
  process.env.DENOISE_ROTATOR_TEST_NVRTC ?? "",
  path.join(CACHE, "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"),
  "/usr/local/cuda/lib64/libnvrtc.so",
];

async function findCompiler(): Promise<Compiler | string> {
  const native = await loadNative();
  if (!("load" in native)) return native.why;
  const library = CANDIDATES.find((candidate) => candidate !== "" && existsSync(candidate));
  if (library === undefined) return "no NVRTC here (`npm test` fetches it where it can)";
  return bindCompiler(native.load(library));
}

test("no CUDA file is left out", () => {
  const folder = path.resolve(import.meta.dirname, "../../../daemon/backend/cuda");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const unused = files
    .filter((file) => file.endsWith(".cu") && file !== "prelude.cu")
    .filter((file) => {
      const text = readFileSync(path.join(folder, file), "utf8");
      return !programs.some(({ source }) => source.includes(text));
    });
  expect(unused).toEqual([]);
});

/** What every architecture has for a block, given out to each thread by eights (CUDA C++ Programming Guide). */
const REGISTERS = 65536;
/** Without launch bounds any block may be asked for. */
const MOST_THREADS = 1024;

/** Names of kernels of which a block of the largest size that may be asked for has too few registers. */
function kernelsThatDoNotStart(cubin: Uint8Array): string[] {
  const kernels = kernelsIn(cubin);
  expect(kernels).not.toEqual([]);
  return kernels
    .filter(({ registers, mostThreads = MOST_THREADS }) => {
      expect(registers).toBeGreaterThan(0);
      return 8 * Math.ceil(registers / 8) * 32 * Math.ceil(mostThreads / 32) > REGISTERS;
    })
    .map(({ name }) => name);
}

const compiler = await findCompiler();
const why = typeof compiler === "string" ? compiler : `NVRTC ${compiler.version}`;
if (typeof compiler === "string") console.log(`CUDA programs: not compiled, ${why}`);

describe.skipIf(typeof compiler === "string")(why, () => {
  // What compiled once is not compiled again: all of it takes minutes on a slow machine.
  const cache = cubinCache(path.join(CACHE, "cubins"));
  test.each(ARCHITECTURES)(
    "every program compiles for %s, and its kernels start with as many threads as they say",
    async (architecture) => {
      if (typeof compiler === "string") return;
      const failed: string[] = [];
      const tooLarge: string[] = [];
      for (const { name, source } of programs) {
        const text = `${prelude}\n#line 1 "${name}"\n${source}`;
        const key = cacheKey([text, architecture, compiler.version]);
        const cached = cache.read(key);
        const result = cached ? { image: cached } : compiler.compile(name, text, architecture);
        if (result.image === undefined) {
          failed.push(`${name}: ${result.log.slice(0, 1000)}`);
          continue;
        }
        if (cached === undefined) cache.write(key, result.image);
        tooLarge.push(...kernelsThatDoNotStart(result.image).map((kernel) => `${name}: ${kernel}`));
        await new Promise(setImmediate);
      }
      expect(failed).toEqual([]);
      expect(tooLarge).toEqual([]);
    },
    600_000,
  );

  test("for a GPU that it does not know: PTX of the newest that it does", () => {
    if (typeof compiler === "string") return;
    const { image } = compiler.compile("convert.cu", `${prelude}\n${convert}`, "sm_9990");
    const ptx = Buffer.from(image ?? []).toString("latin1");
    const target = Number(/^\.target sm_(\d+)/m.exec(ptx)?.[1]);
    expect(target).toBeGreaterThanOrEqual(120);
    expect([compiler.knows("sm_9990"), compiler.knows(`sm_${target}`)]).toEqual([false, true]);
    // The driver reads to the zero.
    expect(ptx.indexOf("\0")).toBe(ptx.length - 1);
    const known = compiler.compile("convert.cu", `${prelude}\n${convert}`, "sm_90");
    expect(Buffer.from(known.image ?? []).toString("latin1", 0, 4)).toBe("\x7fELF");
  });

  test("a kernel that cannot start with 1024 threads is found, and fits the bounds that it names", () => {
    if (typeof compiler === "string") return;
    const kernel = (name: string, bounds: string) => `
      extern "C" __global__ void ${bounds} ${name}(float* x) {
        float all[96];
      #pragma unroll
        for (int k = 0; k < 96; k++) all[k] = x[k * 1024 + threadIdx.x];
        __syncthreads();
      #pragma unroll
        for (int k = 0; k < 96; k++) x[k * 1024 + threadIdx.x] = all[95 - k] + all[k] * all[0];
      }`;
    const source = [kernel("hungry", ""), kernel("fed", "__launch_bounds__(256)")].join("");
    const { image = new Uint8Array() } = compiler.compile("hungry.cu", source, "sm_90");
    expect(kernelsThatDoNotStart(image)).toEqual(["hungry"]);
    expect(kernelsIn(image).find(({ name }) => name === "fed")?.mostThreads).toBe(256);
  });

  test("a mistake is told with its file and line", () => {
    if (typeof compiler === "string") return;
    const source = `${prelude}\n#line 1 "wrong.cu"\nextern "C" __global__ void f() {\n  nothing;\n}`;
    const result = compiler.compile("wrong.cu", source, "sm_90");
    expect(result).toMatchObject({
      image: undefined,
      log: expect.stringMatching(/wrong\.cu\(2\).*nothing/) as string,
    });
  });
});
