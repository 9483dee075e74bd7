/** A page-locked host buffer, which the device copies from and to by itself, with the event that says when it did. */
import type { Driver, Handle, Native } from "./ffi/index.ts";

export type PinnedDriver = Pick<
  Driver,
  "allocateHost" | "freeHost" | "createEvent" | "destroyEvent"
>;

export interface Pinned {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly event: Handle;
  /** Its memory must not be touched after this. */
  release(): void;
}

export function pinned(driver: PinnedDriver, native: Pick<Native, "view">, bytes: number): Pinned {
  const address = driver.allocateHost(bytes);
  const event = driver.createEvent(false);
  return {
    address,
    bytes: new Uint8Array(native.view(address, bytes)),
    event,
    release() {
      driver.destroyEvent(event);
      driver.freeHost(address);
    },
  };
}
