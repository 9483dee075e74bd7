/**
 * Compiles the WASM kernels (daemon/backend/wasm/assembly, AssemblyScript) to dist/kernels.wasm.
 * Does nothing when the result is newer than the sources. `node scripts/build-kernels.mjs`, or import buildKernels.
 */
import { mkdir, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = new URL("../", import.meta.url);
const sources = new URL("daemon/backend/wasm/assembly/", root);
const output = new URL("dist/kernels.wasm", root);

export async function buildKernels() {
  const files = (await readdir(sources)).filter((name) => name.endsWith(".ts"));
  const inputs = [...files.map((name) => new URL(name, sources)), new URL(import.meta.url)];
  const times = await Promise.all(inputs.map(async (file) => (await stat(file)).mtimeMs));
  const built = await stat(output).catch(() => null);
  if (built && built.mtimeMs >= Math.max(...times))
    return { path: fileURLToPath(output), built: false };

  await mkdir(new URL("./", output), { recursive: true });
  // Written beside, then renamed: test processes that start together must never see half a file.
  const temporary = `${fileURLToPath(output)}.${process.pid}`;
  try {
    const { error, stderr } = await asc.main([
      fileURLToPath(new URL("index.ts", sources)),
      "--outFile",
      temporary,
      "-O3",
      "--converge",
      "--noAssert",
      "--enable",
      "simd",
      // The memory is TensorFlow.js' own: nothing of ours may lie in it, so no runtime and no static data.
      "--runtime",
      "stub",
      "--importMemory",
      "--noExportMemory",
      "--initialMemory",
      "0",
      "--use",
      "abort=",
    ]);
    if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
    const module = new globalThis.WebAssembly.Module(await readFile(temporary));
    const imports = globalThis.WebAssembly.Module.imports(module).map(
      (i) => `${i.module}.${i.name}`,
    );
    if (imports.join() !== "env.memory") throw new Error(`kernels.wasm imports ${imports.join()}`);
    await rename(temporary, output);
  } finally {
    await rm(temporary, { force: true });
  }
  return { path: fileURLToPath(output), built: true };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { path, built } = await buildKernels();
  console.log(`${path} ${built ? "built" : "is up to date"}`);
}
