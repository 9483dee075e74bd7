/** What jobs compute on, and which may run at the same time. */
import { expect, test } from "vitest";
import type { DeviceRequest } from "../../daemon/backend/index.ts";
import type { Helper } from "../../daemon/jobs/index.ts";
import { clash, mayStart, Slots } from "../../daemon/jobs/slots.ts";
import type { JobRequest } from "../../daemon/protocol.ts";

const request = (device?: DeviceRequest): JobRequest => ({
  kind: "evaluate",
  evaluate: { checkpoint: "/m", text: ["/t"], ...(device === undefined ? {} : { device }) },
});

/** Answers with devices in the order of `auto`, or fails. */
function helper(devices: readonly string[] | null) {
  let asked = 0;
  const ask = () => {
    asked += 1;
    if (devices === null) return Promise.reject(new Error("no helper"));
    return Promise.resolve(
      devices.map((device) => ({ device, available: device !== "cuda", automatic: true })),
    );
  };
  return { ask: ask as unknown as Helper["ask"], asked: () => asked };
}

test("one job on each GPU, one on the processor, and a GPU that is not named may be any", async () => {
  const slots = new Slots(helper([]));
  const names: readonly DeviceRequest[] = [
    "wasm",
    "cuda:0",
    "cuda:1",
    "cuda:0,1",
    "cuda",
    "webgpu",
  ];
  const of = await Promise.all(names.map((name) => slots.of(request(name))));
  const table = of.map((a) => of.map((b) => (clash(a, b) ? "x" : ".")).join(""));
  expect(table).toEqual([
    "x.....", // wasm
    ".x.xxx", // cuda:0
    "..xxxx", // cuda:1
    ".xxxxx", // cuda:0,1
    ".xxxxx", // cuda
    ".xxxxx", // webgpu
  ]);
});

test("jobs start side by side where they can, and none overtakes one that it would keep waiting", () => {
  expect(mayStart([], ["gpu", "gpu", "cpu"])).toEqual([true, false, true]);
  expect(mayStart([[0]], [[1], [0], [0, 1]])).toEqual([true, false, false]);
  expect(mayStart([[0]], ["gpu", [1], "cpu"])).toEqual([false, false, true]);
  expect(mayStart([], [[0, 1], [1], [2], "gpu", [3]])).toEqual([true, false, true, false, false]);
});

test("what auto takes is looked up once, until devices may have changed", async () => {
  const devices = helper(["cuda", "wasm"]);
  const slots = new Slots(devices);
  expect([await slots.of(request()), await slots.of(request("auto"))]).toEqual(["cpu", "cpu"]);
  expect(devices.asked()).toBe(1);
  slots.forget();
  await slots.of(request());
  expect(devices.asked()).toBe(2);
  expect(await new Slots(helper(["webgpu", "wasm"])).of(request())).toBe("gpu");
});

test("where devices cannot be looked up, jobs that leave the choice wait for each other and for every GPU", async () => {
  const slot = await new Slots(helper(null)).of(request());
  expect([clash(slot, slot), clash(slot, [3]), clash(slot, "cpu")]).toEqual([true, true, false]);
});
