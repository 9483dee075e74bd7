/** Where device memory comes from: the driver's stream-ordered pool or, where that does not work, blocks kept here. */
import { ATTRIBUTE, StatusError, type Driver, type Handle } from "./ffi/index.ts";

export interface MemorySource {
  /** Whether memory may be taken for another stream's work than that in whose order it is given back. */
  readonly anyStream: boolean;
  /** What a request really takes. */
  rounded(bytes: number): number;
  /** @returns undefined when the device is full */
  take(bytes: number, stream: Handle): number | undefined;
  /** What is queued on the source's stream may still use it. */
  giveBack(address: number, bytes: number): void;
  /** Waits for the stream, and gives what nobody uses back to the system. */
  trim(): void;
}

/** Some virtualised GPUs say that they have memory pools and then refuse: what counts is whether one gives memory. */
export function memorySource(driver: Driver, device: number, stream: Handle): MemorySource {
  if (driver.attribute(ATTRIBUTE.memoryPools, device) === 0) return keptBlocks(driver, stream);
  try {
    const source = driverPool(driver, driver.defaultPool(device), stream);
    const bytes = source.rounded(1);
    const address = source.take(bytes, stream);
    if (address !== undefined) source.giveBack(address, bytes);
    return source;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return keptBlocks(driver, stream);
  }
}

export type PoolDriver = Pick<
  Driver,
  "allocateAsync" | "freeAsync" | "keepFreed" | "trim" | "synchronise"
>;

/** The driver's own granularity: smaller requests cost as much. */
const GRANULE = 256;
const granules = (bytes: number): number => Math.max(1, Math.ceil(bytes / GRANULE)) * GRANULE;

/** The driver's pool keeps what is freed, orders it between streams, and joins what lies in pieces. */
export function driverPool(driver: PoolDriver, pool: Handle, stream: Handle): MemorySource {
  driver.keepFreed(pool);
  return {
    anyStream: true,
    rounded: granules,
    take: (bytes, on) => driver.allocateAsync(bytes, on),
    giveBack(address) {
      driver.freeAsync(address, stream);
    },
    trim() {
      driver.synchronise(stream);
      driver.trim(pool);
    },
  };
}

export type BlockDriver = Pick<Driver, "allocate" | "free" | "synchronise">;

/** Sizes are rounded up to one of eight between powers of two, so that what was freed fits again. */
const STEPS = 8;

/** Blocks of the driver's plain allocations, which wait for the whole device: kept and handed out again by size. */
export function keptBlocks(driver: BlockDriver, stream: Handle): MemorySource {
  const free = new Map<number, number[]>();
  return {
    // A block may still be in use by the stream it was given back on; only that one comes after.
    anyStream: false,
    rounded(bytes) {
      const step = 2 ** Math.floor(Math.log2(Math.max(bytes, GRANULE))) / STEPS;
      return granules(Math.ceil(bytes / step) * step);
    },
    take: (bytes) => free.get(bytes)?.pop() ?? driver.allocate(bytes),
    giveBack(address, bytes) {
      const blocks = free.get(bytes);
      if (blocks === undefined) free.set(bytes, [address]);
      else blocks.push(address);
    },
    trim() {
      driver.synchronise(stream);
      for (const blocks of free.values())
        blocks.forEach((address) => {
          driver.free(address);
        });
      free.clear();
    },
  };
}
