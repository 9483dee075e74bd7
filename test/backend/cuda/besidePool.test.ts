/** Who needs device memory beside the pool gets what the pool and kept tensors can spare, in that order. */
import { describe, expect, test } from "vitest";
import { besidePool } from "../../../daemon/backend/cuda/besidePool.ts";
import { StatusError } from "../../../daemon/backend/cuda/ffi/index.ts";
import { Kept } from "../../../daemon/backend/cuda/kept.ts";

const MIB = 2 ** 20;

/** A device whose pool holds `spare` bytes that nobody uses, and keeps tensors of so many. */
function device(spare: number, kept: readonly number[]) {
  const pool = {
    kept: new Kept(),
    trims: 0,
    trim() {
      pool.trims++;
    },
  };
  let free = 0;
  for (const bytes of kept) {
    const end = pool.kept.add({
      bytes,
      alone: () => true,
      giveUp() {
        end();
        spare += bytes;
      },
    });
  }
  return {
    pool,
    asks: (bytes: number, error: StatusError) => () => {
      if (pool.trims > 0) [free, spare] = [free + spare, 0];
      if (bytes > free) throw error;
      return "done";
    },
  };
}

const status = (call: string, code: number): StatusError => new StatusError(call, code, "", "");

describe.each([
  ["the driver", status("cuLaunchKernel", 2)],
  ["cuBLAS", status("cublasGemmEx", 3)],
])("memory that %s asks for", (_, error) => {
  test.each([
    ["is there: nothing is given up", 0, 0, 900],
    ["comes from the pool first", 100, 1, 900],
    ["then from what is kept last", 101, 2, 600],
    ["and from what was kept before", 500, 3, 0],
  ])("%s", (_, bytes, trims, left) => {
    const { pool, asks } = device(100 * MIB, [600 * MIB, 300 * MIB]);
    expect(besidePool(pool, asks(bytes * MIB, error))).toBe("done");
    expect(pool.trims).toBe(trims);
    expect(pool.kept.bytes).toBe(left * MIB);
  });

  test("may be too much: its own error, when nothing is left", () => {
    const { pool, asks } = device(100 * MIB, [600 * MIB]);
    expect(() => besidePool(pool, asks(701 * MIB, error))).toThrow(error);
    expect(pool.kept.bytes).toBe(0);
  });
});

test.each([
  status("cuLaunchKernel", 3),
  status("cublasGemmEx", 2),
  status("cuLaunchKernel", 700),
  new Error("another"),
])("%s is not about memory", (error) => {
  const { pool, asks } = device(100, [100]);
  expect(() => besidePool(pool, asks(1, error as StatusError))).toThrow(error);
  expect([pool.trims, pool.kept.bytes]).toEqual([0, 100]);
});
