/** How GPUs reach each other, by what the driver says and does. */
import { describe, expect, test } from "vitest";
import { bindDriver, type Driver } from "../../../daemon/backend/cuda/ffi/index.ts";
import { connect, rateOf, type Peer } from "../../../daemon/backend/cuda/peers.ts";
import { fakeNative, type FakeLibrary } from "./fakeNative.ts";

const [ACCESS, ATOMICS] = [2, 3];
const [UNSUPPORTED, ALREADY_ENABLED, NOT_PERMITTED] = [217, 704, 800];

interface Machine {
  /** Attributes of the link that are not 0. */
  readonly has: readonly number[];
  readonly library?: FakeLibrary;
}

function machine({ has, library = {} }: Machine) {
  const pools: number[][] = [];
  const native = fakeNative({
    cuda: {
      cuDeviceGetP2PAttribute: (out, attribute) => {
        (out as Int32Array)[0] = has.includes(Number(attribute)) ? 1 : 0;
        return 0;
      },
      cuDeviceGetDefaultMemPool: (out, device) => {
        (out as BigUint64Array)[0] = 100n + BigInt(Number(device));
        return 0;
      },
      cuMemPoolSetAccess: (pool, access, count) => {
        pools.push([Number(pool), ...(access as Int32Array), Number(count)]);
        return 0;
      },
      ...library,
    },
  });
  const driver: Driver = bindDriver(native, native.load("cuda"));
  const peer = (device: number): Peer => ({ driver, device, context: 10 + device });
  return { native, pools, link: () => connect(peer(0), peer(1)) };
}

describe("two GPUs", () => {
  test.each([
    [[], "staged"],
    [[ACCESS], "staged"],
    [[ACCESS, ATOMICS], "nvlink"],
  ] as const)("with attributes %j are %s", (has, link) => {
    expect(machine({ has }).link()).toBe(link);
  });

  test("that reach each other: the reader's context is let in, and the other's pool opened to it", () => {
    const { native, pools, link } = machine({ has: [ACCESS, ATOMICS] });
    link();
    const enabled = native.calls.filter(({ name }) => name === "cuCtxEnablePeerAccess");
    expect(enabled.map(({ args }) => args)).toEqual([[11, 0]]);
    // The pool of device 1; a device's place, device 0, to read and write; one of them.
    expect(pools).toEqual([[101, 1, 0, 3, 1]]);
  });

  test("are connected once for a process", () => {
    const library = { cuCtxEnablePeerAccess: () => ALREADY_ENABLED };
    expect(machine({ has: [ACCESS, ATOMICS], library }).link()).toBe("nvlink");
  });

  test.each([
    ["cuCtxEnablePeerAccess", UNSUPPORTED],
    ["cuMemPoolSetAccess", NOT_PERMITTED],
  ])("copy through the host where %s is refused with %i", (call, status) => {
    const library = { [call]: () => status };
    expect(machine({ has: [ACCESS, ATOMICS], library }).link()).toBe("staged");
  });

  test("over PCIe are left as they are: what copies there directly may get lost without an error", () => {
    const { native, pools, link } = machine({ has: [ACCESS] });
    link();
    expect(native.calls.filter(({ name }) => name === "cuCtxEnablePeerAccess")).toEqual([]);
    expect(pools).toEqual([]);
  });

  test("are slower through the host", () => {
    expect(rateOf("nvlink")).toBeGreaterThan(rateOf("staged"));
  });
});
