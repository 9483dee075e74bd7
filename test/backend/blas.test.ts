import { afterEach, describe, expect, test, vi } from "vitest";
import type { Machine } from "../../daemon/backend/machine.ts";
import { findBlas } from "../../daemon/backend/wasm/blas.ts";
import { blasCandidates } from "../../daemon/backend/wasm/blasLibraries.ts";

function machine(
  platform: NodeJS.Platform,
  files: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Machine {
  return {
    platform,
    env,
    list: (folder) => {
      const inside = files.filter((file) => file.startsWith(`${folder}/`));
      return [
        ...new Set(inside.map((file) => file.slice(folder.length + 1).split("/")[0] ?? "")),
      ].sort();
    },
  };
}

describe("where a BLAS may lie", () => {
  test("the system's library before the one in a NumPy wheel; reference BLAS never", () => {
    const wheel = "/venv/lib/python3.12/site-packages/numpy.libs/libscipy_openblas64_-56d6093b.so";
    const found = blasCandidates(
      machine(
        "linux",
        [
          "/usr/lib/x86_64-linux-gnu/libblas.so.3",
          "/usr/lib/x86_64-linux-gnu/libcblas.so.3",
          "/usr/lib/x86_64-linux-gnu/libopenblas.so.0",
          wheel,
        ],
        { VIRTUAL_ENV: "/venv" },
      ),
    );
    expect(found).toEqual([
      "/usr/lib/x86_64-linux-gnu/libopenblas.so.0",
      wheel,
      "libopenblas.so.0",
    ]);
  });

  test("an active conda environment before the system", () => {
    const found = blasCandidates(
      machine("linux", ["/conda/lib/libmkl_rt.so.2", "/usr/lib64/libopenblas.so"], {
        CONDA_PREFIX: "/conda",
      }),
    );
    expect(found.slice(0, 2)).toEqual(["/conda/lib/libmkl_rt.so.2", "/usr/lib64/libopenblas.so"]);
  });

  test("a Python on the path is followed to its packages", () => {
    const wheel =
      "/opt/py/lib/python3.11/site-packages/numpy.libs/libopenblas64_p-r0-15028c96.3.21.so";
    const found = blasCandidates(
      machine("linux", ["/opt/py/bin/python3", wheel], { PATH: "/opt/py/bin" }),
    );
    expect(found).toContain(wheel);
  });

  test("nothing from the folder in which the process runs", () => {
    const env = { LD_LIBRARY_PATH: ".:here:", CONDA_PREFIX: "here", MKLROOT: "here" };
    const files = ["./libopenblas.so", "here/libopenblas.so", "here/lib/libmkl_rt.so"];
    expect(blasCandidates(machine("linux", files, env))).toEqual(["libopenblas.so.0"]);
  });

  test("Accelerate first on a Mac", () => {
    expect(blasCandidates(machine("darwin", []))[0]).toMatch(/Accelerate$/);
  });
});

describe("DENOISE_ROTATOR_BLAS", () => {
  test("off", async () => {
    expect(await findBlas({ DENOISE_ROTATOR_BLAS: "off" })).toEqual({
      blas: undefined,
      why: "BLAS is switched off by DENOISE_ROTATOR_BLAS",
    });
  });

  test("a path that is no library: the linker's word, and no other is tried", async () => {
    const search = await findBlas({ DENOISE_ROTATOR_BLAS: "/nowhere/libblas.so" });
    expect(search).toMatchObject({
      blas: undefined,
      why: expect.stringContaining("/nowhere") as string,
    });
  });

  test.runIf(process.platform === "linux")("a library without cblas_sgemm", async () => {
    const search = await findBlas({ DENOISE_ROTATOR_BLAS: "libm.so.6" });
    expect(search).toEqual({ blas: undefined, why: "libm.so.6 has no cblas_sgemm" });
  });
});

describe("without koffi", () => {
  afterEach(() => {
    vi.doUnmock("koffi");
    vi.resetModules();
  });

  test("there is no BLAS, and the reason is told", async () => {
    vi.doMock("koffi", () => {
      throw new Error("no prebuilt binary for this platform");
    });
    vi.resetModules();
    const { findBlas: find } = await import("../../daemon/backend/wasm/blas.ts");
    expect(await find({})).toMatchObject({
      blas: undefined,
      why: expect.stringContaining("koffi cannot be loaded") as string,
    });
  });
});

/** The library inside a NumPy wheel: renamed symbols, 64-bit integers. */
const wheel = blasCandidates().find((path) => path.includes("scipy_openblas64_"));

test.runIf(wheel !== undefined)("the library inside a NumPy wheel multiplies", async () => {
  const { blas } = await findBlas({ DENOISE_ROTATOR_BLAS: wheel });
  const c = new Float32Array(4);
  const [a, b] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(1, 0, 1, 0, 1, 1)];
  const sizes = { m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2 };
  blas?.sgemm({ ...sizes, transposeA: false, transposeB: false, a, b, beta: 0, c });
  // [1 2 3; 4 5 6] [1 0; 1 0; 1 1]
  expect([...c]).toEqual([6, 3, 15, 6]);
  expect(blas?.description).toMatch(/^OpenBLAS \d/);
});
