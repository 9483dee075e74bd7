/** The one command that brings cuBLAS or NVRTC into a Python in reach, in the words of what is there. */
import { delimiter, dirname, isAbsolute, join } from "node:path";
import type { Machine } from "../../machine.ts";
import type { Toolkit } from "./libraries.ts";

/** Of CUDA 12: they run on its drivers and on those of every later release. */
const WHEELS: Readonly<Record<Toolkit, string>> = {
  cublas: "nvidia-cublas-cu12",
  nvrtc: "nvidia-cuda-nvrtc-cu12",
};

export function installLibraries(machine: Machine, missing: readonly Toolkit[]): string {
  return `${installer(machine)} ${missing.map((library) => WHEELS[library]).join(" ")}`;
}

function installer(machine: Machine): string {
  const { env, list, platform } = machine;
  const { CONDA_PREFIX, VIRTUAL_ENV } = env;
  if (VIRTUAL_ENV !== undefined && isAbsolute(VIRTUAL_ENV)) {
    const programs = list(join(VIRTUAL_ENV, platform === "win32" ? "Scripts" : "bin"));
    // uv makes environments without pip.
    return programs.some((name) => /^pip3?(\.exe)?$/.test(name)) ? PIP : `uv ${PIP}`;
  }
  if (CONDA_PREFIX !== undefined) return PIP;
  return isManaged(machine) ? `${PIP} --user --break-system-packages` : PIP;
}

const PIP = "pip install";

/** Python belongs to the system's package manager (PEP 668): pip refuses unless it is told. These wheels are data. */
function isManaged({ env, list }: Machine): boolean {
  const folders = (env.PATH ?? "").split(delimiter).filter(isAbsolute);
  const first = folders.find((folder) => list(folder).includes("python3"));
  if (first === undefined) return false;
  const lib = join(dirname(first), "lib");
  return list(lib)
    .filter((name) => /^python3\.\d+$/.test(name))
    .some((name) => list(join(lib, name)).includes("EXTERNALLY-MANAGED"));
}
