/** What a test may ask of the emulated GPU besides CUDA: what it holds, and to fail. */
import path from "node:path";
import koffi from "koffi";

export interface Counters {
  /** Device memory that was not freed. */
  readonly allocations: number;
  readonly bytes: number;
  readonly peakBytes: number;
  readonly allocationsEver: number;
  readonly pinned: number;
  readonly modules: number;
  readonly streams: number;
  readonly events: number;
  readonly launches: number;
  /** Queued and not yet run. */
  readonly pending: number;
}

export interface EmulatedGpu {
  counters(): Counters;
  /** The next call of that driver function answers `status` and does nothing. */
  failNext(driverFunction: string, status: number): void;
  /** What a kernel did wrong: a write outside of an allocation, a barrier not reached by all; empty if nothing. */
  fault(): string;
}

/** @param folder of `emulatedCuda`; the libraries are the ones that a backend in this process has open */
export function emulatedGpu(folder: string): EmulatedGpu {
  const driver = koffi.load(path.join(folder, "libcuda.so.1"));
  const read = driver.func("void emulation_counters(_Out_ uint64_t *values)") as (
    values: BigUint64Array,
  ) => void;
  const failNext = driver.func("void emulation_fail_next(const char *name, int status)") as (
    name: string,
    status: number,
  ) => void;
  const fault = driver.func("const char *emulation_fault()") as () => string;
  return {
    counters() {
      const values = new BigUint64Array(10);
      read(values);
      const at = (i: number): number => Number(values[i]);
      return {
        allocations: at(0),
        bytes: at(1),
        peakBytes: at(2),
        allocationsEver: at(3),
        pinned: at(4),
        modules: at(5),
        streams: at(6),
        events: at(7),
        launches: at(8),
        pending: at(9),
      };
    },
    failNext,
    fault,
  };
}
