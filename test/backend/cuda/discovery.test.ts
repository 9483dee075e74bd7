/** What is told of what was found, with libraries that do not exist. */
import { describe, expect, test } from "vitest";
import { chosenGpus, findCuda } from "../../../daemon/backend/cuda/discovery/index.ts";
import { installLibraries } from "../../../daemon/backend/cuda/discovery/remedy.ts";
import type { GpuInfo } from "../../../daemon/backend/cuda/runtime.ts";
import { DenoiseError } from "../../../daemon/errors.ts";
import { machine } from "./fakeMachine.ts";
import { fakeNative, give, type FakeLibrary } from "./fakeNative.ts";

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
const nvrtc: FakeLibrary = {
  nvrtcVersion: (major, minor) => give(major, 12) + give(minor, 4),
  nvrtcGetNumSupportedArchs: (out) => give(out, 1),
  nvrtcGetSupportedArchs: (out) => give(out, 90),
};

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

  test("one that is not there is named with those that are, and with what hides others", () => {
    const message = (env: NodeJS.ProcessEnv): string => {
      try {
        chosenGpus(gpus.slice(2), [1], env);
      } catch (error) {
        if (error instanceof DenoiseError && error.code === "backend/no-such-gpu") {
          return error.message;
        }
        throw error;
      }
      return "";
    };
    expect(message({})).toMatch(/no GPU cuda:1 here\. There are: cuda:0 sm_90 \(.*\)\.$/);
    expect(message({ CUDA_VISIBLE_DEVICES: "3" })).toMatch(/CUDA_VISIBLE_DEVICES="3" hides/);
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

  test("a GPU younger than NVRTC goes by PTX, and that is told", async () => {
    const { found } = look({ capability: [12, 0] }, [CUBLAS, NVRTC]);
    expect((await found).detail).toMatch(/NVRTC 12\.4 \(.*\), PTX for sm_120$/);
    expect(await found).not.toHaveProperty("why");
  });

  test("what CUDA_VISIBLE_DEVICES shows is not all there may be", async () => {
    const { found } = look({}, [CUBLAS, NVRTC], { CUDA_VISIBLE_DEVICES: "MIG-8a2f" });
    const words = /^NVIDIA Test \(.*\), all that CUDA_VISIBLE_DEVICES="MIG-8a2f" shows; driver /;
    expect((await found).detail).toMatch(words);
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

  test.each<[string, readonly string[], NodeJS.ProcessEnv, string]>([
    ["a virtual environment", ["/venv/bin/pip"], { VIRTUAL_ENV: "/venv" }, "pip install"],
    ["one that uv made", ["/venv/bin/python"], { VIRTUAL_ENV: "/venv" }, "uv pip install"],
    ["one on Windows", ["/venv/Scripts/pip.exe"], { VIRTUAL_ENV: "/venv" }, "pip install"],
    ["conda", ["/conda/bin/python3"], { CONDA_PREFIX: "/conda", PATH: "/usr/bin" }, "pip install"],
    [
      "the system's Python, which pip must be told to add to",
      [],
      { PATH: "/bin:/usr/bin" },
      "pip install --user --break-system-packages",
    ],
    [
      "a Python of the user's own before it",
      ["/own/bin/python3"],
      { PATH: "/own/bin:/usr/bin" },
      "pip install",
    ],
    ["no Python", [], {}, "pip install"],
  ])("into %s", (name, files, env, command) => {
    const system = ["/usr/bin/python3", "/usr/lib/python3.12/EXTERNALLY-MANAGED"];
    const platform = name.includes("Windows") ? "win32" : "linux";
    const there = machine([...files, ...system], env, platform);
    expect(installLibraries(there, ["nvrtc"])).toBe(`${command} nvidia-cuda-nvrtc-cu12`);
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
    ...["-1", "GPU-1b2c", "MIG-8a2f"].map(
      (name): [string, DriverState, NodeJS.ProcessEnv, RegExp] => [
        `no GPU is called ${name}`,
        { initStatus: 100 },
        { CUDA_VISIBLE_DEVICES: name },
        new RegExp(`CUDA_VISIBLE_DEVICES="${name}" hides every GPU.*nvidia-smi -L`),
      ],
    ),
    ["driver and kernel module differ", { initStatus: 803 }, {}, /Restart the machine.*`compat`/],
    ["forward compatibility on a GeForce", { initStatus: 804 }, {}, /`compat`.*LD_LIBRARY_PATH/],
    ["no fabric manager", { initStatus: 802 }, {}, /fabric manager does not run/],
    ["no driver in WSL", undefined, { WSL_DISTRO_NAME: "Ubuntu" }, /Install it in Windows/],
    ["the toolkit's stub", { initStatus: 34 }, {}, /stub.*LD_LIBRARY_PATH/],
    ["an unknown failure", { initStatus: 4 }, {}, /does not start \(cuInit returned .*\(4\)/],
    ["a GPU before Ampere", { capability: [7, 5] }, {}, /older than Ampere; webgpu/],
    ["switched off", {}, { DENOISE_ROTATOR_CUDA: "off" }, /switched off/],
  ])("%s", async (_, state, env, words) => {
    const { found } = look(state, [CUBLAS, NVRTC], env);
    expect(await found).toMatchObject({ why: expect.stringMatching(words) as string });
  });

  test("a libcuda that does not start gives way to the driver's own; its words remain where none does", async () => {
    const own = "/usr/lib/wsl/lib/libcuda.so.1";
    const files = [own, CUBLAS, NVRTC];
    const look = (status: number) => {
      const native = fakeNative({
        "libcuda.so.1": driver({ initStatus: 34 }),
        [own]: driver({ initStatus: status }),
        ...{ [CUBLAS]: cublas, [NVRTC]: nvrtc },
      });
      return findCuda(machine(files), () => Promise.resolve(native));
    };
    expect((await look(0)).detail).toContain(`driver for CUDA 12.4 (${own})`);
    expect(await look(100)).toMatchObject({ why: expect.stringContaining("stub") as string });
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
