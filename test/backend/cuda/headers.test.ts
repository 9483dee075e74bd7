/**
 * What koffi is told of NVIDIA's functions is what their headers say: a parameter too few or too narrow goes unnoticed
 * by an emulated library that makes the same mistake. Headers are a toolkit's, or what `npm test` put into `.cache`.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  ATTRIBUTE,
  bindCompiler,
  bindCublas,
  bindDriver,
  COMPUTE,
  DATA_TYPE,
  LINK,
  type CType,
  type Native,
  type NativeLibrary,
} from "../../../daemon/backend/cuda/ffi/index.ts";
import { fakeNative } from "./fakeNative.ts";

const CACHE = path.resolve(import.meta.dirname, "../../../.cache");
const FOLDERS = [
  "/usr/local/cuda/include",
  path.join(CACHE, "cuda-headers/nvidia/cuda_runtime/include"),
  path.join(CACHE, "nvrtc/nvidia/cuda_nvrtc/include"),
];

/** The text of a header without comments; undefined where there is none. */
function textOf(header: string): string | undefined {
  const file = FOLDERS.map((folder) => path.join(folder, header)).find((name) => existsSync(name));
  return file && readFileSync(file, "utf8").replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, "");
}

interface Interface {
  readonly bind: (native: Native, library: NativeLibrary) => unknown;
  readonly headers: readonly string[];
  readonly constants: Readonly<Record<string, number>>;
}

const INTERFACES: readonly Interface[] = [
  {
    bind: bindDriver,
    headers: ["cuda.h"],
    constants: {
      CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: ATTRIBUTE.multiprocessors,
      CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: ATTRIBUTE.capabilityMajor,
      CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: ATTRIBUTE.capabilityMinor,
      CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: ATTRIBUTE.sharedBytesPerBlock,
      CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: ATTRIBUTE.memoryPools,
      CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED: LINK.access,
      CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED: LINK.atomics,
    },
  },
  {
    bind: (_, library) => bindCompiler(library),
    headers: ["nvrtc.h"],
    constants: {},
  },
  {
    bind: bindCublas,
    headers: ["cublas_api.h", "library_types.h"],
    constants: {
      CUDA_R_32F: DATA_TYPE.f32,
      CUDA_R_16BF: DATA_TYPE.bf16,
      CUBLAS_COMPUTE_32F: COMPUTE.f32,
      CUBLAS_COMPUTE_32F_PEDANTIC: COMPUTE.f32Pedantic,
      CUBLAS_COMPUTE_32F_FAST_TF32: COMPUTE.tf32,
    },
  },
];

/** By function name, what it is declared with. */
function declared({ bind }: Interface): Map<string, readonly CType[]> {
  const native = fakeNative({ library: {} });
  bind(native, native.load("library"));
  return native.types;
}

const WIDTHS: Partial<Record<CType, number>> = { int: 4, uint: 4, float: 4, uchar: 1 };

/** Bytes of each parameter; handles are pointers. `cuMemFree` is what its users call: the second version, `_v2`. */
function widthsIn(text: string, name: string): number[] | undefined {
  const parameters = parametersOf(text, name) ?? parametersOf(text, name.replace(/_v\d+$/, ""));
  return parameters?.map((parameter) => {
    if (/[*[]/.test(parameter)) return 8;
    const type = parameter.replace(/\bconst\b/, "").trim();
    if (/^unsigned char\b/.test(type)) return 1;
    if (/^(unsigned )?int\b|^CUdevice\b/.test(type)) return 4;
    const [typeName = ""] = type.split(/\s+/);
    return new RegExp(`enum\\b[^;{}]*\\{[^{}]*\\}\\s*${typeName}\\s*;`).test(text) ? 4 : 8;
  });
}

function parametersOf(text: string, name: string): string[] | undefined {
  const found = new RegExp(`\\b${name}\\s*\\(([^;{}()]*)\\)\\s*;`).exec(text)?.[1];
  return found?.split(",").filter((parameter) => !/^\s*(void)?\s*$/.test(parameter));
}

const constantIn = (text: string, name: string): number =>
  Number(new RegExp(`\\b${name}\\s*=\\s*(\\w+)`).exec(text)?.[1]);

describe.each(INTERFACES)("$headers.0", (of) => {
  const texts = of.headers.map(textOf);
  const text = texts.includes(undefined) ? "" : texts.join("\n");
  if (text === "") console.log(`${of.headers.join(" and ")}: not here, nothing is compared`);

  test.skipIf(text === "")("functions and constants are declared as there", () => {
    const ours = [...declared(of)].map(([name, types]) => ({
      name,
      widths: types.map((type) => WIDTHS[type] ?? 8),
    }));
    expect(ours).not.toEqual([]);
    expect(ours).toEqual(ours.map(({ name }) => ({ name, widths: widthsIn(text, name) })));
    const names = Object.keys(of.constants);
    expect(of.constants).toEqual(
      Object.fromEntries(names.map((name) => [name, constantIn(text, name)])),
    );
  });
});
