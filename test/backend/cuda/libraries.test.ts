/** Where the driver, cuBLAS and NVRTC are looked for, in folders that do not exist. */
import { describe, expect, test } from "vitest";
import {
  driverCandidates,
  toolkitCandidates,
} from "../../../daemon/backend/cuda/discovery/libraries.ts";
import type { Machine } from "../../../daemon/backend/machine.ts";
import { machine } from "./fakeMachine.ts";

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

  test.each(["/usr/local/nvidia/lib64", "/run/opengl-driver/lib", "/usr/lib/x86_64-linux-gnu"])(
    "a driver in %s is found where the loader does not look",
    (folder) => {
      const there = machine([`${folder}/libcuda.so.1`]);
      expect(driverCandidates(there)).toEqual(["libcuda.so.1", `${folder}/libcuda.so.1`]);
    },
  );

  // Names and folders as the toolkit's installer, conda, NVIDIA's packages and PyTorch's own have them.
  test.each([
    ["12's toolkit", "CUDA_PATH", "bin", 12, "124"],
    ["13's toolkit", "CUDA_PATH", "bin/x64", 13, "130"],
    ["12 in conda", "CONDA_PREFIX", "Library/bin", 12, "129"],
    ["13 in conda", "CONDA_PREFIX", "Library/bin/x64", 13, "130"],
    ["12 in PyTorch", "VIRTUAL_ENV", "Lib/site-packages/torch/lib", 12, "128"],
    ["13 in packages", "VIRTUAL_ENV", "Lib/site-packages/nvidia/cu13/bin/x86_64", 13, "130"],
    ["13 in the user's", "APPDATA", "Python/Python312/site-packages/nvidia/cu13/bin", 13, "130"],
  ])("Windows, CUDA %s", (_, variable, folder, major, builtins) => {
    const at = (name: string): string => `/root/${folder}/${name}`;
    const names = {
      cublas: [`cublas64_${major}.dll`, `cublasLt64_${major}.dll`],
      nvrtc: [`nvrtc64_${major}0_0.dll`, `nvrtc-builtins64_${builtins}.dll`],
    };
    const others = ["nvrtc64_112_0.dll", `nvrtc64_${major}0_0.alt.dll`, "nvblas64_12.dll"];
    const all = [...names.cublas, ...names.nvrtc, ...others];
    const there = machine(all.map(at), { [variable]: "/root" }, "win32");
    for (const library of ["cublas", "nvrtc"] as const) {
      const [name = "", companion = ""] = names[library];
      expect(toolkitCandidates(there, library)).toEqual([
        { path: at(name), major, companions: [at(companion)] },
      ]);
    }
  });

  test.each([
    ["packages of CUDA 12", "nvidia/cublas/lib/libcublas.so.12"],
    ["packages of CUDA 13", "nvidia/cu13/lib/libcublas.so.13"],
    ["a toolkit", "targets/x86_64-linux/lib/libcublas.so.12"],
    [
      "an environment that is not active",
      "lib/python3.12/site-packages/nvidia/cu13/lib/libcublas.so.13",
    ],
    ["an environment of conda", "lib/libcublas.so.12"],
  ])("the folder given may be one of %s", (_, file) => {
    const there = machine([`/given/${file}`], { DENOISE_ROTATOR_CUDA: "/given" });
    expect(paths(there, "cublas")).toEqual([`/given/${file}`]);
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
