/**
 * Large typed arrays that nobody holds any more. The collector frees them, but hardly feels them: their memory is not
 * on its heap, and it runs when that fills. Layers are read, converted and stored as arrays of megabytes that live for
 * an instant; asking for a collection now and then keeps the dead ones few. Young arrays go with the minor one, which
 * takes a millisecond or two; the major one takes tens, and is for those that lived too long for it.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of arrays that may have been made since there were fewest. */
const ALLOWANCE = 8 << 20;

type Collect = (options?: { readonly type: "minor" }) => void;
let found: Collect | undefined;
/** The least that arrays were seen to take since the last major collection. */
let fewest = Infinity;
/** A minor collection has been asked for since there were as few. */
let tried = false;

const collect: Collect = (options) => {
  if (found === undefined) {
    setFlagsFromString("--expose-gc");
    found = runInNewContext("gc") as Collect;
  }
  // Node 20 takes any argument for a wish for the minor one.
  if (options) found(options);
  else found();
};

/** To be called before an array of `bytes` is made. */
export function expectArray(bytes: number): void {
  // Arrays are freed on a thread of its own: what a collection has left is known at the next call.
  const { external_memory: arrays } = getHeapStatistics();
  fewest = Math.min(fewest, arrays);
  if (arrays + bytes < fewest + ALLOWANCE) {
    tried = false;
  } else if (tried) {
    collect();
    tried = false;
    fewest = Infinity;
  } else {
    collect({ type: "minor" });
    tried = true;
  }
}
