/** The account of device memory, on a recording driver. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  driverPool,
  keptBlocks,
  type MemorySource,
  type BlockDriver,
  type PoolDriver,
} from "../../../daemon/backend/cuda/memorySource.ts";
import { DevicePool } from "../../../daemon/backend/cuda/pool.ts";

const STREAM = 7;
const POOL = 9;

/** A device of so many bytes. Freed memory is only reusable once the stream was waited for, as in the worst case. */
class RecordingDriver implements PoolDriver, BlockDriver {
  readonly live = new Map<number, number>();
  readonly calls: string[] = [];
  private readonly pending = new Map<number, number>();
  private next = 0x1_0000_0000;

  constructor(private readonly capacity: number) {}

  allocateAsync(bytes: number, stream: number): number | undefined {
    this.calls.push(`allocateAsync ${bytes} on ${stream}`);
    return this.reserve(bytes);
  }

  allocate(bytes: number): number | undefined {
    this.calls.push(`allocate ${bytes}`);
    return this.reserve(bytes);
  }

  freeAsync(address: number): void {
    this.calls.push("freeAsync");
    this.release(address, this.pending);
  }

  free(address: number): void {
    this.calls.push("free");
    this.release(address);
  }

  synchronise(stream: number): void {
    this.calls.push(`synchronise ${stream}`);
    this.pending.clear();
  }

  keepFreed(pool: number): void {
    this.calls.push(`keepFreed ${pool}`);
  }

  trim(pool: number): void {
    this.calls.push(`trim ${pool}`);
  }

  memory(): { free: number; total: number } {
    return { free: this.capacity - this.taken(), total: this.capacity };
  }

  private taken(): number {
    return [...this.live.values(), ...this.pending.values()].reduce((sum, size) => sum + size, 0);
  }

  private reserve(bytes: number): number | undefined {
    if (this.taken() + bytes > this.capacity) return undefined;
    const address = this.next;
    this.next += bytes;
    this.live.set(address, bytes);
    return address;
  }

  private release(address: number, into?: Map<number, number>): void {
    const bytes = this.live.get(address);
    if (bytes === undefined) throw new Error("the driver was given what it never gave");
    this.live.delete(address);
    into?.set(address, bytes);
  }
}

const SOURCES = {
  "the driver's pool": (driver: RecordingDriver) => driverPool(driver, POOL, STREAM),
  "kept blocks": (driver: RecordingDriver) => keptBlocks(driver, STREAM),
};

function poolOf(
  driver: RecordingDriver,
  source: (of: RecordingDriver) => MemorySource = SOURCES["the driver's pool"],
): DevicePool {
  const memory = () => driver.memory();
  return new DevicePool({ source: source(driver), stream: STREAM, gpu: "Test GPU", memory });
}

describe.each(Object.entries(SOURCES))("the account, from %s", (_, source) => {
  test("is what lies on the device, whatever the order of taking and giving back", () => {
    const steps = fc.array(fc.record({ take: fc.boolean(), size: fc.nat(5000), which: fc.nat() }));
    fc.assert(
      fc.property(steps, (actions) => {
        const driver = new RecordingDriver(Infinity);
        const pool = poolOf(driver, source);
        const held: { address: number; bytes: number }[] = [];
        let peak = 0;
        for (const { take, size, which } of actions) {
          if (take) held.push(pool.allocate(size));
          else if (held.length > 0) pool.free(held.splice(which % held.length, 1)[0] ?? never());
          const there = [...driver.live.values()].reduce((sum, bytes) => sum + bytes, 0);
          const asked = held.reduce((sum, { bytes }) => sum + bytes, 0);
          peak = Math.max(peak, pool.usedBytes);
          expect(pool.blocks).toBe(held.length);
          expect(pool.usedBytes).toBeGreaterThanOrEqual(asked);
          expect(pool.usedBytes).toBeLessThanOrEqual(there);
          expect(new Set(held.map(({ address }) => address)).size).toBe(held.length);
        }
        expect(pool.peakBytes).toBe(peak);
        for (const memory of held) pool.free(memory);
        expect([pool.usedBytes, pool.blocks]).toEqual([0, 0]);
        pool.dispose();
        expect(driver.live.size).toBe(0);
      }),
    );
  });

  test("memory given back twice never reaches the driver", () => {
    const driver = new RecordingDriver(Infinity);
    const pool = poolOf(driver, source);
    const memory = pool.allocate(100);
    pool.free(memory);
    const before = driver.calls.length;
    expect(() => {
      pool.free(memory);
    }).toThrow(/freed twice/);
    expect(() => {
      pool.free({ address: 1 });
    }).toThrow(/never allocated/);
    expect(driver.calls).toHaveLength(before);
  });

  test("no elements are a place of their own too", () => {
    const pool = poolOf(new RecordingDriver(Infinity), source);
    const [a, b] = [pool.allocate(0), pool.allocate(0)];
    expect(a.address).not.toBe(b.address);
    expect(a.bytes).toBe(0);
  });
});

describe("a full device", () => {
  test("gets back what waits for the stream before it is called full", () => {
    const driver = new RecordingDriver(4096);
    const pool = poolOf(driver);
    pool.free(pool.allocate(4096));
    driver.calls.length = 0;
    expect(pool.allocate(4096).bytes).toBe(4096);
    const request = `allocateAsync 4096 on ${STREAM}`;
    expect(driver.calls).toEqual([request, `synchronise ${STREAM}`, `trim ${POOL}`, request]);
  });

  test("is told with sizes and advice, and the account stays right", () => {
    const gib = 2 ** 30;
    const driver = new RecordingDriver(4 * gib);
    const pool = poolOf(driver);
    const held = pool.allocate(3 * gib);
    expect(() => pool.allocate(2 * gib)).toThrow(
      expect.objectContaining({
        code: "backend/gpu-out-of-memory",
        message: expect.stringMatching(
          /Test GPU for 2\.00 GiB.*uses 3\.00 GiB of 4\.00 GiB.*1\.00 GiB are free.*windows.*--device/,
        ) as string,
      }),
    );
    expect(pool.usedBytes).toBe(3 * gib);
    pool.free(held);
    expect(pool.allocate(2 * gib).bytes).toBe(2 * gib);
  });
});

describe("what is kept", () => {
  /** Fills a pool with `count` pieces that may go; some are in use beside. */
  function filled(count: number, inUse: readonly number[] = []) {
    const driver = new RecordingDriver(count * 1024);
    const pool = poolOf(driver);
    const gone: number[] = [];
    for (let i = 0; i < count; i++) {
      const memory = pool.allocate(1024);
      const end = pool.kept.add({
        bytes: 1024,
        alone: () => !inUse.includes(i),
        giveUp() {
          gone.push(i);
          end();
          pool.free(memory);
        },
      });
    }
    return { pool, gone };
  }

  test("goes before the device is called full, the last first, and no more than is needed", () => {
    const { pool, gone } = filled(5);
    pool.allocate(2000);
    expect(gone).toEqual([4, 3]);
    expect(pool.kept.bytes).toBe(3 * 1024);
    pool.allocate(3 * 1024);
    expect(gone).toEqual([4, 3, 2, 1, 0]);
    expect(() => pool.allocate(1)).toThrow(
      expect.objectContaining({ code: "backend/gpu-out-of-memory" }),
    );
  });

  test("stays where somebody uses it, since its memory would not come free", () => {
    const { pool, gone } = filled(3, [2]);
    pool.allocate(1024);
    expect(gone).toEqual([1]);
    expect(() => pool.allocate(2048)).toThrow(
      expect.objectContaining({ code: "backend/gpu-out-of-memory" }),
    );
    expect(pool.kept.bytes).toBe(1024);
  });

  test("and what is free or was freed are not room for the work twice", () => {
    const driver = new RecordingDriver(10 * 1024);
    const pool = poolOf(driver);
    const room = () => pool.roomForWork(driver.memory().free);
    expect(room()).toBe(10 * 1024);
    const memory = pool.allocate(4096);
    expect(room()).toBe(10 * 1024);
    pool.kept.add({ bytes: 4096, alone: () => true, giveUp: () => undefined });
    expect(room()).toBe(6 * 1024);
    pool.free(pool.allocate(1024));
    expect(pool.peakBytes).toBe(4096);
    // This driver holds what is freed until the stream was waited for.
    pool.free(memory);
    expect(room()).toBe(6 * 1024);
    pool.trim();
    expect(room()).toBe(6 * 1024);
  });
});

test("at the end everything goes back, and the driver's own pool is emptied", () => {
  const driver = new RecordingDriver(Infinity);
  const pool = poolOf(driver);
  for (const bytes of [1, 300, 5000]) pool.allocate(bytes);
  pool.dispose();
  expect([pool.usedBytes, driver.live.size]).toEqual([0, 0]);
  expect(driver.calls.at(-1)).toBe(`trim ${POOL}`);
});

test("memory for another stream's work is taken on that stream", () => {
  const driver = new RecordingDriver(Infinity);
  poolOf(driver).allocate(256, 8);
  expect(driver.calls.at(-1)).toBe("allocateAsync 256 on 8");
});

describe("kept blocks", () => {
  test("are handed out again without the driver, for the same size and for one a little smaller", () => {
    const driver = new RecordingDriver(Infinity);
    const pool = poolOf(driver, SOURCES["kept blocks"]);
    const first = pool.allocate(1_000_000);
    pool.free(first);
    expect(pool.allocate(990_000).address).toBe(first.address);
    expect(driver.calls.filter((call) => call.startsWith("allocate"))).toHaveLength(1);
  });

  test("take at most an eighth more than was asked for", () => {
    const source = keptBlocks(new RecordingDriver(Infinity), STREAM);
    fc.assert(
      fc.property(fc.integer({ min: 4096, max: 2 ** 40 }), (bytes) => {
        expect(source.rounded(bytes)).toBeGreaterThanOrEqual(bytes);
        expect(source.rounded(bytes)).toBeLessThanOrEqual(bytes * 1.125 + 256);
        const twice = source.rounded(source.rounded(bytes));
        expect(twice).toBe(source.rounded(bytes));
      }),
    );
  });

  test("go back to the driver when another size needs the room", () => {
    const driver = new RecordingDriver(8192);
    const pool = poolOf(driver, SOURCES["kept blocks"]);
    pool.free(pool.allocate(4096));
    expect(pool.allocate(8192).bytes).toBe(8192);
    expect(driver.calls.slice(1)).toEqual([
      ...["allocate 8192", `synchronise ${STREAM}`, "free", "allocate 8192"],
    ]);
  });
});

function never(): never {
  throw new Error("unreachable");
}
