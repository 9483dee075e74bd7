/**
 * Where a BLAS may lie on this machine: the system's own, a vendor's, and the one inside every NumPy or SciPy
 * wheel (OpenBLAS with its symbols renamed). Only names and folders here; nothing is loaded.
 */
import { delimiter, isAbsolute, join } from "node:path";
import { pythonSites, THIS_MACHINE, type Machine } from "../machine.ts";

/** File names of libraries that carry `cblas_sgemm` at full speed, best first. Reference BLAS is not among them. */
const NAMES: Partial<Record<NodeJS.Platform, readonly RegExp[]>> = {
  linux: [
    /^libopenblas(p|64_)?\.so(\.\d+)?$/,
    /^libmkl_rt\.so(\.\d+)?$/,
    /^libblis(-mt)?\.so(\.\d+)?$/,
  ],
  darwin: [/^libopenblas(\.\d+)?\.dylib$/, /^libblis(\.\d+)?\.dylib$/],
  win32: [/^(lib)?openblas\.dll$/i, /^mkl_rt(\.\d+)?\.dll$/i],
};

/** The copy inside a wheel: `numpy.libs/libscipy_openblas64_-….so`, `libopenblas64_p-r0-….so`. */
const IN_WHEEL = /^lib(scipy_)?openblas.*\.(so|dylib|dll)$/i;

const ACCELERATE = "/System/Library/Frameworks/Accelerate.framework/Accelerate";

/** Paths to try, in order. The last is a bare name, for the system's own loader. */
export function blasCandidates(machine: Machine = THIS_MACHINE): string[] {
  const found: string[] = [];
  // Apple's own reaches the matrix units that no other library can.
  if (machine.platform === "darwin") found.push(ACCELERATE);
  const patterns = NAMES[machine.platform] ?? [];
  for (const folder of systemFolders(machine)) {
    const names = machine.list(folder);
    for (const pattern of patterns) {
      // The shortest name is the one the others are versions of.
      const matches = names
        .filter((name) => pattern.test(name))
        .sort((a, b) => a.length - b.length);
      if (matches[0] !== undefined) found.push(join(folder, matches[0]));
    }
  }
  for (const site of pythonSites(machine)) {
    for (const inside of WHEEL_FOLDERS) {
      const folder = join(site, ...inside);
      for (const name of machine.list(folder))
        if (IN_WHEEL.test(name)) found.push(join(folder, name));
    }
  }
  if (machine.platform === "linux") found.push("libopenblas.so.0");
  if (machine.platform === "win32") found.push("libopenblas.dll");
  return [...new Set(found)];
}

const WHEEL_FOLDERS = [
  ["numpy.libs"],
  ["numpy", ".dylibs"],
  ["scipy_openblas32", "lib"],
  ["scipy_openblas64", "lib"],
  ["scipy.libs"],
  ["scipy", ".dylibs"],
] as const;

/** Only whole paths: a relative one is where the process happens to run, whose files are not to be trusted. */
function systemFolders({ platform, env }: Machine): string[] {
  const listed = (value: string | undefined): string[] =>
    (value ?? "").split(delimiter).filter(isAbsolute);
  const given = (root: string | undefined, ...folders: readonly string[]): string[] =>
    root === undefined || !isAbsolute(root) ? [] : folders.map((folder) => join(root, folder));
  const own = [env.CONDA_PREFIX, env.VIRTUAL_ENV].flatMap((root) =>
    given(root, "lib", "Library/bin"),
  );
  const mkl = given(env.MKLROOT, "lib", "lib/intel64");
  if (platform === "win32") return [...own, ...mkl, ...listed(env.PATH)];
  if (platform === "darwin") {
    return [...own, "/opt/homebrew/opt/openblas/lib", "/usr/local/opt/openblas/lib"];
  }
  return [
    ...listed(env.LD_LIBRARY_PATH),
    ...own,
    ...mkl,
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/intel/oneapi/mkl/latest/lib",
    "/opt/OpenBLAS/lib",
  ];
}
