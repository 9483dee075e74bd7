/** GPUs that reach each other's memory: how, and how fast at least. */
import { LINK, StatusError, type Driver, type Handle } from "./ffi/index.ts";

/**
 * `nvlink`: directly, also with atomics, as only NVIDIA's own links do; `staged`: copies go through the host. Over PCIe
 * too: where an IOMMU translates addresses, the machine drops direct copies there, and the driver calls them a success.
 */
export type Link = "nvlink" | "staged";

/**
 * Bytes a second in one direction that the slowest of a kind carry: the bridge of two cards, PCIe 4.0 of 8 lanes twice.
 * Others carry several times as much.
 */
const RATES: Readonly<Record<Link, number>> = { nvlink: 50e9, staged: 6e9 };

export const rateOf = (link: Link): number => RATES[link];

export interface Peer {
  /** In its own context. */
  readonly driver: Pick<Driver, "linkAttribute" | "reach" | "defaultPool" | "sharePool">;
  readonly device: number;
  readonly context: Handle;
}

/** Lets `from`'s memory be copied by `to` directly, where the machine can. */
export function connect(to: Peer, from: Peer): Link {
  const has = (attribute: (typeof LINK)[keyof typeof LINK]): boolean =>
    to.driver.linkAttribute(attribute, to.device, from.device) !== 0;
  try {
    if (!has(LINK.access) || !has(LINK.atomics)) return "staged";
    to.driver.reach(from.context);
    // Memory of a pool does not follow what contexts may.
    from.driver.sharePool(from.driver.defaultPool(from.device), to.device);
    return "nvlink";
  } catch (error) {
    // Virtual machines promise it and refuse: then as if it were not there.
    if (!(error instanceof StatusError)) throw error;
    return "staged";
  }
}
