/**
 * Device memory that the pool does not hand out: the driver takes it for a kernel's code and stack when it first runs,
 * cuBLAS for its own. The pool has all that was ever freed, and what is kept fills the rest: both make room for it.
 */
import { StatusError } from "./ffi/index.ts";
import type { DevicePool } from "./pool.ts";

/** Several times what any of them asks for. */
const GIVE_UP_BYTES = 256 * 2 ** 20;

/** `CUDA_ERROR_OUT_OF_MEMORY`: nothing was done then, and the device goes on. */
const OUT_OF_MEMORY = 2;
/** `CUBLAS_STATUS_ALLOC_FAILED` */
const ALLOC_FAILED = 3;

/** @throws whatever `action` does, when there is nothing left to give up */
export function besidePool<T>(pool: Pick<DevicePool, "trim" | "kept">, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!lacksMemory(error)) throw error;
    pool.trim();
  }
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!lacksMemory(error) || !pool.kept.giveUp(GIVE_UP_BYTES)) throw error;
      pool.trim();
    }
  }
}

const lacksMemory = (error: unknown): boolean =>
  error instanceof StatusError &&
  error.status === (error.call.startsWith("cublas") ? ALLOC_FAILED : OUT_OF_MEMORY);
