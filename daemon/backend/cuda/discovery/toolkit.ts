/** cuBLAS and NVRTC of a CUDA release that the driver runs: the first that loads. */
import { bindCompiler, bindCublas, type Compiler, type Cublas, type Native } from "../ffi/index.ts";
import type { NativeLibrary } from "../ffi/index.ts";
import { firstLine } from "./driver.ts";
import type { Candidate, Toolkit } from "./libraries.ts";

const LIBRARY_NAMES: Readonly<Record<Toolkit, string>> = {
  cublas: "cuBLAS",
  nvrtc: "NVRTC",
};

const OLDEST_MAJOR = 12;

/** @returns the library, or why none of the candidates serves */
function firstThatLoads<T>(
  native: Native,
  name: string,
  candidates: readonly Candidate[],
  driverMajor: number,
  bind: (library: NativeLibrary) => T,
): T | string {
  const failures: string[] = [];
  for (const { path, major, companions } of candidates) {
    if (major !== undefined && major > driverMajor) {
      failures.push(
        `${path} needs a driver for CUDA ${major}, this one is for CUDA ${driverMajor}`,
      );
      continue;
    }
    if (major !== undefined && major < OLDEST_MAJOR) {
      failures.push(`${path} is older than CUDA ${OLDEST_MAJOR}`);
      continue;
    }
    try {
      for (const companion of companions) native.load(companion);
      return bind(native.load(path));
    } catch (error) {
      failures.push(`${path}: ${firstLine(error)}`);
    }
  }
  return failures.length === 0
    ? `${name} was not found`
    : `${name} was found but does not serve (${failures.join("; ")})`;
}

export function findCompiler(
  native: Native,
  candidates: readonly Candidate[],
  driverMajor: number,
): Compiler | string {
  return firstThatLoads(native, LIBRARY_NAMES.nvrtc, candidates, driverMajor, (library) =>
    bindCompiler(library),
  );
}

export function findCublas(
  native: Native,
  candidates: readonly Candidate[],
  driverMajor: number,
): Cublas | string {
  return firstThatLoads(native, LIBRARY_NAMES.cublas, candidates, driverMajor, (library) =>
    bindCublas(native, library),
  );
}
