/** A GPU's own context, which all of a process share. */
import { gpuTaken } from "../errors.ts";
import { StatusError, type Driver, type Handle } from "./ffi/index.ts";

/** `CUDA_ERROR_OUT_OF_MEMORY`, `CUDA_ERROR_DEVICE_UNAVAILABLE` */
const NO_PLACE = [2, 46];

/** @throws backend/gpu-taken where other processes have all of its memory, or one has it to itself */
export function retained(
  driver: Pick<Driver, "retainContext" | "deviceName">,
  device: number,
): Handle {
  try {
    return driver.retainContext(device);
  } catch (error) {
    if (!(error instanceof StatusError) || !NO_PLACE.includes(error.status)) throw error;
    throw gpuTaken(driver.deviceName(device), error);
  }
}
