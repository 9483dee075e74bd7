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

/** @returns undefined when the machine gives no more page-locked memory: less is allowed to be locked than there is */
export function pinned(
  driver: PinnedDriver,
  native: Pick<Native, "view">,
  bytes: number,
): Pinned | undefined {
  const address = driver.allocateHost(bytes);
  if (address === undefined) return undefined;
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
