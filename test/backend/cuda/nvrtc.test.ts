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

const compiler = await findCompiler();
const why = typeof compiler === "string" ? compiler : `NVRTC ${compiler.version}`;
if (typeof compiler === "string") console.log(`CUDA programs: not compiled, ${why}`);

describe.skipIf(typeof compiler === "string")(why, () => {
  // What compiled once is not compiled again: all of it takes minutes on a slow machine.
  const cache = cubinCache(path.join(CACHE, "cubins"));
  test.each(ARCHITECTURES)(
    "every program compiles for %s",
    async (architecture) => {
      if (typeof compiler === "string") return;
      const failed: string[] = [];
      for (const { name, source } of programs) {
        const text = `${prelude}\n#line 1 "${name}"\n${source}`;
        const key = cacheKey([text, architecture, compiler.version]);
        if (cache.read(key) !== undefined) continue;
        const result = compiler.compile(name, text, architecture);
        if (result.cubin === undefined) failed.push(`${name}: ${result.log.slice(0, 1000)}`);
        else cache.write(key, result.cubin);
        await new Promise(setImmediate);
      }
      expect(failed).toEqual([]);
    },
    600_000,
  );

  test("a mistake is told with its file and line", () => {
    if (typeof compiler === "string") return;
    const source = `${prelude}\n#line 1 "wrong.cu"\nextern "C" __global__ void f() {\n  nothing;\n}`;
    const result = compiler.compile("wrong.cu", source, "sm_90");
    expect(result).toMatchObject({
      cubin: undefined,
      log: expect.stringMatching(/wrong\.cu\(2\).*nothing/) as string,
    });
  });
});
