import { describe, expect, test } from "vitest";
import type { DeviceName, DeviceReport, Provider } from "../../daemon/backend/provider.ts";
import { DenoiseError } from "../../daemon/errors.ts";
import { installCommand } from "../../daemon/backend/remedy.ts";
import { listDevices, openBackend, type Candidate } from "../../daemon/backend/select.ts";

/** A device that answers as told. */
function candidate(device: DeviceName, report: Partial<DeviceReport>, start?: Error): Candidate {
  const provider: Provider = {
    device,
    probe: () =>
      Promise.resolve({ device, available: true, automatic: true, detail: "a detail", ...report }),
    open: ({ blas, ordinals }) =>
      start
        ? Promise.reject(start)
        : Promise.resolve({
            description: `${device}, blas ${blas ?? "unset"}, GPU ${ordinals?.join() ?? "unset"}`,
            maxTensorBytes: 1,
            maxTotalBytes: 1,
            dispose: () => Promise.resolve(),
          }),
  };
  return { device, load: () => Promise.resolve(provider) };
}

const absent = {
  available: false,
  automatic: false,
  missing: "no driver. Install it, v1.2 or newer. Tried: libx.so",
  remedy: "apt install it",
};

describe("auto", () => {
  test("takes the first that may be taken, and says why not the ones before", async () => {
    const backend = await openBackend("auto", { blas: false }, [
      candidate("tensorflow", absent),
      candidate("webgpu", { automatic: false, missing: "only a software adapter" }),
      candidate("wasm", {}),
    ]);
    expect(backend).toMatchObject({
      device: "wasm",
      description: "wasm, blas false, GPU unset",
      reason: "no tensorflow (no driver); no webgpu (only a software adapter)",
    });
  });

  test("goes on when one that was there does not start", async () => {
    const backend = await openBackend("auto", {}, [
      candidate("webgpu", {}, new Error("out of memory")),
      candidate("wasm", {}),
    ]);
    expect(backend.device).toBe("wasm");
    expect(backend.reason).toBe("webgpu did not start (out of memory)");
  });

  test("fails when there is none, with every reason", async () => {
    const opening = openBackend("auto", {}, [
      candidate("webgpu", absent),
      candidate("wasm", {}, new Error("no SIMD")),
    ]);
    await expect(opening).rejects.toMatchObject({
      code: "backend/no-device",
      message: expect.stringMatching(/no driver.*no SIMD/) as string,
    });
  });
});

describe("a device by name", () => {
  test("is opened even if auto would not take it", async () => {
    const backend = await openBackend("webgpu", {}, [candidate("webgpu", { automatic: false })]);
    expect(backend).toMatchObject({ device: "webgpu", reason: "asked for" });
  });

  test("that is not there: why, how to get it, and what there is", async () => {
    const opening = openBackend("webgpu", {}, [candidate("webgpu", absent), candidate("wasm", {})]);
    await expect(opening).rejects.toMatchObject({
      code: "backend/unavailable",
      kind: "usage",
      message: expect.stringMatching(/no driver.*apt install it.*Available here: wasm\./) as string,
    });
  });

  test("with a number is that GPU; without, the device chooses", async () => {
    const gpus = [candidate("cuda", {})];
    const second = await openBackend("cuda:1", {}, gpus);
    expect(second).toMatchObject({ device: "cuda", description: "cuda, blas unset, GPU 1" });
    const first = await openBackend("cuda", {}, gpus);
    expect(first.description).toBe("cuda, blas unset, GPU unset");
  });

  test("whose own words say what to do is not told in others", async () => {
    const coded = new DenoiseError("backend/no-such-gpu", "usage", "There is no GPU cuda:3 here.");
    const opening = openBackend("cuda:3", {}, [candidate("cuda", {}, coded)]);
    await expect(opening).rejects.toBe(coded);
  });

  test("that this version does not contain", async () => {
    await expect(openBackend("cuda", {}, [candidate("wasm", {})])).rejects.toMatchObject({
      code: "backend/unavailable",
      message: expect.stringContaining("Available here: wasm.") as string,
    });
  });

  test("that does not start", async () => {
    const opening = openBackend("wasm", {}, [candidate("wasm", {}, new Error("no SIMD"))]);
    await expect(opening).rejects.toMatchObject({
      code: "backend/start-failed",
      kind: "failed",
      message: expect.stringContaining("no SIMD") as string,
    });
  });
});

test("the command that installs is in the words of the machine's package manager", () => {
  const packages = { apt: "a", dnf: "d", pacman: "p" };
  const on = (program: string) => installCommand(packages, (path) => path === program);
  expect(on("/usr/bin/apt-get")).toBe("sudo apt install a");
  expect(on("/usr/bin/dnf")).toBe("sudo dnf install d");
  expect(on("/usr/bin/pacman")).toBe("sudo pacman -S p");
  expect(on("/usr/bin/other")).toBeUndefined();
});

test("the real list: every device once, each missing one with what is missing", async () => {
  const reports = await listDevices();
  expect(reports.map((report) => report.device)).toEqual(["cuda", "tensorflow", "webgpu", "wasm"]);
  for (const report of reports) {
    if (!report.available) expect(report.missing).toBeTruthy();
  }
  expect(reports.at(-1)).toMatchObject({ available: true, automatic: true });
});
