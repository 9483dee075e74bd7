/** What is found where, against folders and libraries that do not exist. */
import { describe, expect, test } from "vitest";
import {
  driverCandidates,
  toolkitCandidates,
} from "../../../daemon/backend/cuda/discovery/libraries.ts";
import { chosenGpus, findCuda } from "../../../daemon/backend/cuda/discovery/index.ts";
import type { GpuInfo } from "../../../daemon/backend/cuda/runtime.ts";
import type { Machine } from "../../../daemon/backend/machine.ts";
import { fakeNative, give, type FakeLibrary } from "./fakeNative.ts";

function machine(
  files: readonly string[],
  env: NodeJS.ProcessEnv = {},
  platform: NodeJS.Platform = "linux",
): Machine {
  const names = (folder: string): string[] =>
    files
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => file.slice(folder.length + 1).split("/")[0] ?? "");
  return { platform, env, list: (folder) => [...new Set(names(folder))].sort() };
}

const paths = (there: Machine, library: "cublas" | "nvrtc"): string[] =>
  toolkitCandidates(there, library).map(({ path }) => path);

describe("where cuBLAS and NVRTC may lie", () => {
  const given = "/given/libcublas.so.12";
  const home = "/cuda-home/lib64/libcublas.so.12";
  const loader = "/loader/libcublas.so.12";
  const system = "/usr/lib/x86_64-linux-gnu/libcublas.so.12";
  const toolkit = "/usr/local/cuda/lib64/libcublas.so.12";
  const newer = "/usr/local/cuda-13.0/lib64/libcublas.so.13";
  const older = "/usr/local/cuda-12.4/lib64/libcublas.so.12";
  const conda = "/conda/lib/libcublas.so.12";
  const venv = "/venv/lib/python3.12/site-packages/nvidia/cublas/lib/libcublas.so.12";
  const onPath = "/opt/py/lib/python3.11/site-packages/nvidia/cu13/lib/libcublas.so.13";

  test("in the order that the documentation gives", () => {
    const everything = machine(
      [
        onPath,
        "/opt/py/bin/python3",
        venv,
        conda,
        older,
        newer,
        toolkit,
        system,
        loader,
        home,
        given,
      ],
      {
        DENOISE_ROTATOR_CUDA: "/given",
        CUDA_HOME: "/cuda-home",
        LD_LIBRARY_PATH: "/loader",
        CONDA_PREFIX: "/conda",
        VIRTUAL_ENV: "/venv",
        PATH: "/opt/py/bin",
      },
    );
    expect(paths(everything, "cublas")).toEqual([
      ...[given, home, loader, system, toolkit, newer, older, conda, venv, onPath],
    ]);
  });

  test("a library that is not there is nowhere", () => {
    expect(paths(machine([venv], { VIRTUAL_ENV: "/venv" }), "nvrtc")).toEqual([]);
  });

  test("what it loads by name is loaded before it, of the same release only", () => {
    const folder = "/venv/lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib";
    const files = ["libnvrtc.so.12", "libnvrtc-builtins.so.12.9", "libnvrtc-builtins.so.13.0"];
    const there = machine(
      files.map((file) => `${folder}/${file}`),
      { VIRTUAL_ENV: "/venv" },
    );
    expect(toolkitCandidates(there, "nvrtc")).toEqual([
      {
        path: `${folder}/libnvrtc.so.12`,
        major: 12,
        companions: [`${folder}/libnvrtc-builtins.so.12.9`],
      },
    ]);
  });

  test("stubs of the driver are never taken", () => {
    const there = machine(["/usr/local/cuda/lib64/stubs/libcuda.so.1"]);
    expect(driverCandidates(there)).toEqual(["libcuda.so.1"]);
  });

  test("the folder given comes before the system's driver, WSL's after it", () => {
    const there = machine(["/given/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"], {
      DENOISE_ROTATOR_CUDA: "/given",
    });
    const last = "/usr/lib/wsl/lib/libcuda.so.1";
    expect(driverCandidates(there)).toEqual(["/given/libcuda.so.1", "libcuda.so.1", last]);
  });

  test("Windows has other names", () => {
    const there = machine(
      [
        "/tools/bin/cublas64_12.dll",
        "/tools/bin/cublasLt64_12.dll",
        "/tools/bin/nvrtc64_120_0.dll",
      ],
      { CUDA_PATH: "/tools" },
      "win32",
    );
    const [cublas] = toolkitCandidates(there, "cublas");
    expect(cublas).toMatchObject({ major: 12, companions: ["/tools/bin/cublasLt64_12.dll"] });
    expect(toolkitCandidates(there, "nvrtc")).toMatchObject([{ major: 12 }]);
  });

  test("Windows' driver is the system's, never one of the working folder", () => {
    const there = machine([], { SystemRoot: "D:\\Windows" }, "win32");
    expect(driverCandidates(there)).toEqual(["D:\\Windows\\System32\\nvcuda.dll"]);
    expect(driverCandidates(machine([], {}, "win32"))).toEqual([
      "C:\\Windows\\System32\\nvcuda.dll",
    ]);
  });

  test.each(["CUDA_HOME", "LD_LIBRARY_PATH", "CONDA_PREFIX", "VIRTUAL_ENV", "PATH"])(
    "a relative %s does not lead into the working folder",
    (name) => {
      const files = ["", "lib/", "lib/python3.12/site-packages/nvidia/cublas/lib/"].map(
        (folder) => `here/${folder}libcublas.so.12`,
      );
      for (const value of ["here", "here/bin"]) {
        const there = machine([...files, "here/bin/python3"], { [name]: value });
        expect(paths(there, "cublas")).toEqual([]);
      }
    },
  );
});

interface DriverState {
  readonly initStatus?: number;
  readonly version?: number;
  readonly gpus?: number;
  readonly capability?: readonly [number, number];
}

function driver({
  initStatus = 0,
  version = 12040,
  gpus = 1,
  capability = [9, 0],
}: DriverState): FakeLibrary {
  return {
    cuInit: () => initStatus,
    cuDriverGetVersion: (out) => give(out, version),
    cuDeviceGetCount: (out) => give(out, gpus),
    cuDeviceGet: (out, ordinal) => give(out, Number(ordinal)),
    cuDeviceGetName: (name) => {
      if (name instanceof Uint8Array) name.set(Buffer.from("NVIDIA Test\0"));
      return 0;
    },
    cuDeviceGetAttribute: (out, attribute) =>
      give(out, attribute === 75 ? capability[0] : attribute === 76 ? capability[1] : 132),
    cuDeviceTotalMem_v2: (out) => give(out, 80 * 2 ** 30),
  };
}

const CUBLAS = "/usr/local/cuda/lib64/libcublas.so.12";
const NVRTC = "/usr/local/cuda/lib64/libnvrtc.so.12";
const cublas: FakeLibrary = {
  cublasGetProperty: (part, out) => give(out, [12, 4, 5][Number(part)] ?? 0),
};
const nvrtc: FakeLibrary = { nvrtcVersion: (major, minor) => give(major, 12) + give(minor, 4) };

function look(
  state: DriverState | undefined,
  files: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const native = fakeNative({
    ...(state === undefined ? {} : { "libcuda.so.1": driver(state) }),
    ...Object.fromEntries(files.map((file) => [file, file.includes("nvrtc") ? nvrtc : cublas])),
  });
  return { native, found: findCuda(machine(files, env), () => Promise.resolve(native)) };
}

describe("which GPUs compute", () => {
  const gpuOf = (major: number): GpuInfo => ({
    name: `sm_${major}0`,
    capability: [major, 0],
    multiprocessors: 10,
    totalBytes: 2 ** 33,
    sharedBytesPerBlock: 2 ** 16,
  });
  const gpus = [7, 8, 9].map(gpuOf);
  const ordinals = (asked?: number[]) => chosenGpus(gpus, asked).map(({ ordinal }) => ordinal);

  test("the first that is new enough, or those asked for, each once", () => {
    expect([ordinals(), ordinals([2, 1, 2])]).toEqual([[1], [2, 1]]);
  });

  test("one before Ampere is refused beside newer ones, with what there is", () => {
    expect(() => ordinals([1, 0])).toThrow(
      expect.objectContaining({
        code: "backend/gpu-too-old",
        message: expect.stringMatching(/cuda:0 is older.*cuda:1 sm_80/) as string,
      }),
    );
  });
});

describe("what is told", () => {
  test("all there: the GPU, and every library with its version and place", async () => {
    const { found } = look({}, [CUBLAS, NVRTC]);
    expect((await found).detail).toBe(
      "NVIDIA Test (sm_90, 80.0 GiB); driver for CUDA 12.4 (libcuda.so.1); " +
        `cuBLAS 12.4.5 (${CUBLAS}); NVRTC 12.4 (${NVRTC})`,
    );
    expect(await found).not.toHaveProperty("why");
  });

  test("several GPUs are numbered as --device takes them", async () => {
    const { found } = look({ gpus: 2 }, [CUBLAS, NVRTC]);
    expect((await found).detail).toMatch(/^cuda:0 NVIDIA Test .*, cuda:1 NVIDIA Test /);
  });

  test.each([
    ["both", [], "pip install nvidia-cublas-cu12 nvidia-cuda-nvrtc-cu12"],
    ["NVRTC", [CUBLAS], "pip install nvidia-cuda-nvrtc-cu12"],
    ["cuBLAS", [NVRTC], "pip install nvidia-cublas-cu12"],
  ])("%s missing: the one command that brings it", async (_, files, remedy) => {
    const { found } = look({}, files);
    expect(await found).toMatchObject({
      remedy,
      why: expect.stringContaining("was not found") as string,
      detail: expect.stringContaining("driver for CUDA 12.4") as string,
    });
  });

  test("a toolkit newer than the driver is passed over, and named where nothing else is there", async () => {
    const newer = "/usr/local/cuda-13.0/lib64/libcublas.so.13";
    const { native, found } = look({}, [newer, NVRTC]);
    expect(await found).toMatchObject({
      why: expect.stringContaining(
        `${newer} needs a driver for CUDA 13, this one is for CUDA 12`,
      ) as string,
      remedy: "pip install nvidia-cublas-cu12",
    });
    expect(native.loads).not.toContain(newer);
    const both = look({}, [newer, CUBLAS, NVRTC]);
    expect((await both.found).detail).toContain(CUBLAS);
  });

  test.each<[string, DriverState | undefined, NodeJS.ProcessEnv, RegExp]>([
    ["no driver", undefined, {}, /no NVIDIA driver.*cannot open shared object/],
    ["an old driver", { version: 11080 }, {}, /CUDA 11\.8.*Update the driver/],
    ["no GPU", { initStatus: 100 }, {}, /finds no GPU.*MIG/],
    [
      "all GPUs hidden",
      { initStatus: 100 },
      { CUDA_VISIBLE_DEVICES: "" },
      /CUDA_VISIBLE_DEVICES="" hides every GPU/,
    ],
    [
      "a GPU named that is not there",
      { gpus: 0 },
      { CUDA_VISIBLE_DEVICES: "7" },
      /CUDA_VISIBLE_DEVICES="7" hides/,
    ],
    ["driver and kernel module differ", { initStatus: 803 }, {}, /Restart the machine/],
    ["the toolkit's stub", { initStatus: 34 }, {}, /stub.*LD_LIBRARY_PATH/],
    ["an unknown failure", { initStatus: 4 }, {}, /does not start \(cuInit returned .*\(4\)/],
    ["a GPU before Ampere", { capability: [7, 5] }, {}, /older than Ampere; webgpu/],
    ["switched off", {}, { DENOISE_ROTATOR_CUDA: "off" }, /switched off/],
  ])("%s", async (_, state, env, words) => {
    const { found } = look(state, [CUBLAS, NVRTC], env);
    expect(await found).toMatchObject({ why: expect.stringMatching(words) as string });
  });

  test("a library that does not load gives way to the next", async () => {
    const broken = "/usr/lib/x86_64-linux-gnu/libcublas.so.12";
    const native = fakeNative({ "libcuda.so.1": driver({}), [CUBLAS]: cublas, [NVRTC]: nvrtc });
    const there = machine([broken, CUBLAS, NVRTC]);
    const found = await findCuda(there, () => Promise.resolve(native));
    expect(found.detail).toContain(`(${CUBLAS})`);
  });

  test("a Mac is told that there is none", async () => {
    const none = machine([], {}, "darwin");
    const found = await findCuda(none, () => Promise.resolve(fakeNative({})));
    expect(found).toMatchObject({ why: "NVIDIA has no CUDA for darwin" });
  });
});
