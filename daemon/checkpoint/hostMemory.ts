/**
 * Large typed arrays that nobody holds any more. The collector frees them, but hardly feels them: their memory is not
 * on its heap, and it runs when that fills. Layers are read, converted and stored as arrays of tens of megabytes that
 * live for an instant; asking for a collection now and then keeps the dead ones few. Young arrays go with the minor
 * one, which takes a millisecond or two.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of new arrays between two collections. */
const ALLOWANCE = 32 << 20;

type Collect = (options: { readonly type: "minor" | "major" }) => void;
let found: Collect | undefined;
let sinceLast = 0;

const collect: Collect = (options) => {
  if (found === undefined) {
    setFlagsFromString("--expose-gc");
    found = runInNewContext("gc") as Collect;
  }
  found(options);
};

/** To be called before an array of `bytes` is made. */
export function expectArray(bytes: number): void {
  sinceLast += bytes;
  if (sinceLast < ALLOWANCE) return;
  sinceLast = bytes;
  collect({ type: "minor" });
}

/** To be called when arrays of `bytes` that were held for long (the minor collection passes them by) are let go. */
export function releaseArrays(bytes: number): void {
  if (bytes >= ALLOWANCE / 2) collect({ type: "major" });
}
