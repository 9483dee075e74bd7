/** NVRTC (`nvrtc.h`): CUDA C to code for one GPU architecture. Needs no GPU. */
import type { NativeFunction, NativeLibrary } from "./native.ts";
import { StatusError } from "./status.ts";

export type Compilation =
  /** Machine code; PTX, which the driver translates, for an architecture younger than the compiler. */
  | { readonly image: Uint8Array }
  /** The source has an error, or the compiler knows nothing that the architecture runs: its own words. */
  | { readonly image: undefined; readonly log: string };

export interface Compiler {
  readonly path: string;
  /** `12.9` */
  readonly version: string;
  /** Whether it makes machine code for `sm_90`. */
  knows(architecture: string): boolean;
  /** @param architecture `sm_90` */
  compile(name: string, source: string, architecture: string): Compilation;
}

const SIGNATURES = {
  nvrtcVersion: ["void *", "void *"],
  nvrtcGetNumSupportedArchs: ["void *"],
  nvrtcGetSupportedArchs: ["void *"],
  nvrtcCreateProgram: ["void *", "str", "str", "int", "void *", "void *"],
  nvrtcCompileProgram: ["uint64_t", "int", "const char **"],
  nvrtcGetCUBINSize: ["uint64_t", "void *"],
  nvrtcGetCUBIN: ["uint64_t", "void *"],
  nvrtcGetPTXSize: ["uint64_t", "void *"],
  nvrtcGetPTX: ["uint64_t", "void *"],
  nvrtcGetProgramLogSize: ["uint64_t", "void *"],
  nvrtcGetProgramLog: ["uint64_t", "void *"],
  nvrtcDestroyProgram: ["void *"],
} as const;
type Call = keyof typeof SIGNATURES;

const INVALID_OPTION = 5;
const COMPILATION = 6;

/** What every program is compiled with; part of the cache's key. */
export const COMPILER_OPTIONS = ["--std=c++17"] as const;

export function bindCompiler(library: NativeLibrary): Compiler {
  const names = Object.keys(SIGNATURES) as Call[];
  const c = Object.fromEntries(
    names.map((name) => [name, library.function(name, SIGNATURES[name])]),
  ) as Record<Call, NativeFunction>;
  const words = library.text("nvrtcGetErrorString");
  const check = (call: Call, status: number): void => {
    if (status !== 0) throw new StatusError(call, status, words(status), "");
  };
  const word = new BigUint64Array(1);
  const sized = (size: Call, get: Call, program: number): Uint8Array => {
    check(size, c[size](program, word));
    const bytes = new Uint8Array(Number(word[0]));
    check(get, c[get](program, bytes));
    return bytes;
  };

  const [major, minor] = [new Int32Array(1), new Int32Array(1)];
  check("nvrtcVersion", c.nvrtcVersion(major, minor));

  const count = new Int32Array(1);
  check("nvrtcGetNumSupportedArchs", c.nvrtcGetNumSupportedArchs(count));
  const known = new Int32Array(count[0] ?? 0);
  check("nvrtcGetSupportedArchs", c.nvrtcGetSupportedArchs(known));
  const knows = (architecture: string): boolean => known.includes(numberOf(architecture));

  return {
    path: library.path,
    version: `${major[0]}.${minor[0]}`,
    knows,
    compile(name, source, architecture) {
      check("nvrtcCreateProgram", c.nvrtcCreateProgram(word, source, name, 0, null, null));
      const program = Number(word[0]);
      try {
        const asPtx = knows(architecture) ? undefined : virtualBelow(known, architecture);
        const options = [`--gpu-architecture=${asPtx ?? architecture}`, ...COMPILER_OPTIONS];
        const status = c.nvrtcCompileProgram(program, options.length, options);
        if (status === COMPILATION || status === INVALID_OPTION) {
          const log = sized("nvrtcGetProgramLogSize", "nvrtcGetProgramLog", program);
          const text = Buffer.from(log).toString("utf8").replace(/\0+$/, "").trim();
          return { image: undefined, log: text };
        }
        check("nvrtcCompileProgram", status);
        const image =
          asPtx === undefined
            ? sized("nvrtcGetCUBINSize", "nvrtcGetCUBIN", program)
            : sized("nvrtcGetPTXSize", "nvrtcGetPTX", program);
        return { image };
      } finally {
        word[0] = BigInt(program);
        c.nvrtcDestroyProgram(word);
      }
    },
  };
}

/** `sm_120` → 120 */
const numberOf = (architecture: string): number => Number(architecture.replace("sm_", ""));

/**
 * `compute_90`: the newest that the compiler knows and the architecture runs. What a generation begins with, since others
 * are a board's own (87), or were numbered anew later (101 of CUDA 12 is 110 of CUDA 13).
 */
function virtualBelow(known: Int32Array, architecture: string): string | undefined {
  const older = known.filter((number) => number % 10 === 0 && number < numberOf(architecture));
  return older.length === 0 ? undefined : `compute_${Math.max(...older)}`;
}
