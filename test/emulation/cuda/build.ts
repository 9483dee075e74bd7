/** Builds the libraries of the emulation once per content of their sources. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

/** Tests and benchmarks, bundled or not, run in the repository's root. */
const HERE = path.resolve("test/emulation/cuda");
const CACHE = path.resolve(".cache/cuda-emulation");
const FLAGS = ["-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread"];

interface Library {
  readonly source: string;
  readonly soname: string;
  readonly link: readonly string[];
}

const LIBRARIES: readonly Library[] = [
  { source: "driver.cpp", soname: "libcuda.so.1", link: ["-ldl"] },
  { source: "nvrtc.cpp", soname: "libnvrtc.so.12", link: ["-ldl"] },
  { source: "cublas.cpp", soname: "libcublas.so.12", link: ["-l:libcuda.so.1", "-ldl"] },
];
/** What `libnvrtc` includes into every program. */
const HEADERS = ["device.hpp", "module.hpp"];

export interface EmulatedCuda {
  /** For `DENOISE_ROTATOR_CUDA`; absent when it cannot be built here. */
  readonly folder?: string;
  readonly missing?: string;
}

const run = promisify(execFile);

/** Built at the first call on a machine, found at the next; concurrent builders do not disturb each other. */
export async function emulatedCuda(): Promise<EmulatedCuda> {
  if (process.platform !== "linux") return { missing: "the emulated GPU is built on Linux only" };
  let compiler: string;
  try {
    compiler = (await run("g++", ["--version"])).stdout;
  } catch {
    return { missing: "g++ is not installed; it builds the emulated GPU" };
  }
  const folder = path.join(CACHE, await hashOf(compiler));
  const complete = await access(folder).then(
    () => true,
    () => false,
  );
  if (!complete) await build(folder);
  return { folder };
}

async function hashOf(compiler: string): Promise<string> {
  const hash = createHash("sha256")
    .update(compiler)
    .update(JSON.stringify([FLAGS, LIBRARIES]));
  for (const file of (await readdir(HERE)).sort()) {
    if (/\.[ch]pp$/.test(file)) hash.update(file).update(await readFile(path.join(HERE, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

async function build(folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const made = await mkdtemp(path.join(CACHE, "building-"));
  // The driver first: cuBLAS queues its work there.
  for (const some of [LIBRARIES.slice(0, 2), LIBRARIES.slice(2)]) {
    await Promise.all(some.map((library) => compile(library, made)));
  }
  for (const header of HEADERS) await copyFile(path.join(HERE, header), path.join(made, header));
  try {
    await rename(made, folder);
  } catch (error) {
    // Another process was faster; its folder holds the same.
    await rm(made, { recursive: true });
    await access(folder).catch(() => {
      throw error;
    });
  }
}

async function compile({ source, soname, link }: Library, folder: string): Promise<void> {
  const names = [`-Wl,-soname,${soname}`, "-Wl,-rpath,$ORIGIN", "-o", path.join(folder, soname)];
  await run("g++", [...FLAGS, ...names, path.join(HERE, source), "-L", folder, ...link]);
}
