/**
 * Where the NVIDIA driver, cuBLAS and NVRTC may lie: a toolkit, a conda or Python environment (PyTorch brings both).
 * Only names and folders here; nothing is loaded.
 */
import { delimiter, isAbsolute, join, win32 } from "node:path";
import { pythonSites, sitesIn, type Machine } from "../../machine.ts";

export type Toolkit = "cublas" | "nvrtc";

export interface Candidate {
  readonly path: string;
  /** Of the CUDA release; undefined where the file's name does not say. */
  readonly major: number | undefined;
  /** Libraries beside it that it loads by name; loaded before, they are found wherever they lie. */
  readonly companions: readonly string[];
}

interface Names {
  readonly driver: string;
  /** The first group is the major version. */
  readonly library: Readonly<Record<Toolkit, RegExp>>;
  readonly companion: Readonly<Record<Toolkit, RegExp>>;
  /** Folders inside a toolkit or environment. */
  readonly inside: readonly string[];
}

const NAMES: Partial<Record<NodeJS.Platform, Names>> = {
  linux: {
    driver: "libcuda.so.1",
    library: {
      cublas: /^libcublas\.so\.(\d+)$/,
      nvrtc: /^libnvrtc\.so\.(\d+)$/,
    },
    companion: {
      cublas: /^libcublasLt\.so\.(\d+)$/,
      nvrtc: /^libnvrtc-builtins\.so\.(\d+)\.\d+$/,
    },
    inside: ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"],
  },
  win32: {
    driver: "nvcuda.dll",
    library: {
      cublas: /^cublas64_(\d+)\.dll$/i,
      nvrtc: /^nvrtc64_(\d+)0_0\.dll$/i,
    },
    companion: {
      cublas: /^cublasLt64_(\d+)\.dll$/i,
      nvrtc: /^nvrtc-builtins64_(\d+)\d\.dll$/i,
    },
    inside: ["bin", "bin/x64", "Library/bin", "Library/bin/x64", "lib"],
  },
};

/** Where Linux distributions put libraries, and WSL and NixOS the driver. */
const SYSTEM = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/lib",
];
const WSL = "/usr/lib/wsl/lib";
/** Beyond the loader's path: in WSL, on NixOS, and where Kubernetes mounts it. */
const DRIVER_FOLDERS = [
  ...[WSL, "/run/opengl-driver/lib", "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib"],
  ...SYSTEM,
];
const WINDOWS_TOOLKITS = "C:\\Program Files\\NVIDIA GPU Computing Toolkit\\CUDA";

/** NVIDIA's libraries exist for these systems only. */
export const isSupported = ({ platform }: Machine): boolean => NAMES[platform] !== undefined;

/** The driver is Windows'. */
export const isWsl = ({ platform, env, list }: Machine): boolean =>
  platform === "linux" && (env.WSL_DISTRO_NAME !== undefined || list(WSL).length > 0);

/** Paths to try for the driver, in order; the bare name asks the system's loader (Linux). */
export function driverCandidates(machine: Machine): string[] {
  const names = NAMES[machine.platform];
  if (names === undefined) return [];
  const given = givenFolders(machine, names).filter((folder) =>
    machine.list(folder).includes(names.driver),
  );
  const known = machine.platform === "linux" ? DRIVER_FOLDERS : [];
  const found = known.filter((folder) => machine.list(folder).includes(names.driver));
  return [
    ...given.map((folder) => join(folder, names.driver)),
    systemDriver(machine, names),
    ...found.map((folder) => join(folder, names.driver)),
  ];
}

/** Windows' loader would look into the working folder too. */
function systemDriver({ platform, env }: Machine, names: Names): string {
  return platform === "win32"
    ? win32.join(env.SystemRoot ?? "C:\\Windows", "System32", names.driver)
    : names.driver;
}

/**
 * Candidates for a library of the toolkit: the folder given, `CUDA_HOME`/`CUDA_PATH`, the loader's path, the
 * installed toolkits, the active conda or Python environment, the Pythons on the path; each folder once.
 */
export function toolkitCandidates(machine: Machine, library: Toolkit): Candidate[] {
  const names = NAMES[machine.platform];
  if (names === undefined) return [];
  return [...new Set(folders(machine, names))].flatMap((folder) => {
    const inside = machine.list(folder);
    const companions = versioned(inside, names.companion[library]);
    return versioned(inside, names.library[library])
      .sort((a, b) => b.major - a.major)
      .map(({ name, major }) => ({
        path: join(folder, name),
        major,
        companions: companions
          .filter((companion) => companion.major === major)
          .map((companion) => join(folder, companion.name)),
      }));
  });
}

function versioned(
  names: readonly string[],
  pattern: RegExp,
): { readonly name: string; readonly major: number }[] {
  return names.flatMap((name) => {
    const match = pattern.exec(name);
    return match ? [{ name, major: Number(match[1]) }] : [];
  });
}

/** Only whole paths: a relative one is where the process happens to run, whose files are not to be trusted. */
function folders(machine: Machine, names: Names): string[] {
  const { env, list, platform } = machine;
  const within = (root: string | undefined): string[] =>
    root === undefined || !isAbsolute(root) ? [] : names.inside.map((folder) => join(root, folder));
  const listed = (value: string | undefined): string[] =>
    (value ?? "").split(delimiter).filter(isAbsolute);
  const loader =
    platform === "win32" ? listed(env.PATH) : [...listed(env.LD_LIBRARY_PATH), ...SYSTEM];
  return [
    ...givenFolders(machine, names),
    ...within(env.CUDA_HOME),
    ...within(env.CUDA_PATH),
    ...loader,
    ...toolkits(machine).flatMap(within),
    ...within(env.CONDA_PREFIX),
    ...pythonSites(machine).flatMap((site) => siteFolders(list, site)),
  ];
}

/** A toolkit, an environment of Python that need not be active, or a folder of packages. */
function givenFolders(machine: Machine, names: Names): string[] {
  const given = machine.env.DENOISE_ROTATOR_CUDA;
  if (given === undefined || given === "") return [];
  return [
    given,
    ...names.inside.map((folder) => join(given, folder)),
    ...[given, ...sitesIn(machine, given)].flatMap((site) => siteFolders(machine.list, site)),
  ];
}

/** Newest first; `/usr/local/cuda` itself is the machine's choice. */
function toolkits({ platform, list }: Machine): string[] {
  const [root, pattern, chosen] =
    platform === "win32"
      ? ([WINDOWS_TOOLKITS, /^v\d+\.\d+$/, []] as const)
      : (["/usr/local", /^cuda-\d+(\.\d+)?$/, ["/usr/local/cuda", "/opt/cuda"]] as const);
  const versions = list(root).filter((name) => pattern.test(name));
  const newest = versions.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return [...chosen, ...newest.map((name) => join(root, name))];
}

/**
 * One package a library for CUDA 12 (`nvidia/cublas/lib`), one folder for all since CUDA 13 (`nvidia/cu13/lib`); on
 * Windows PyTorch brings its own (`torch/lib`).
 */
function siteFolders(list: Machine["list"], site: string): string[] {
  const root = join(site, "nvidia");
  return [
    ...list(root).flatMap((name) =>
      ["lib", "bin", "bin/x86_64"].map((folder) => join(root, name, folder)),
    ),
    join(site, "torch", "lib"),
  ];
}
