/**
 * A launch's parameters, laid out as the C compiler lays out the kernel's parameter list, in memory that is written
 * anew for each launch: the driver copies it before it returns.
 */
import type { Native } from "./ffi/index.ts";
import type { Argument } from "./runtime.ts";

/** What every architecture guarantees (`CUDA C++ Programming Guide`, function parameters). */
const MAX_BYTES = 4096;

/** `CU_LAUNCH_PARAM_…` */
const END = 0n;
const BUFFER_POINTER = 1n;
const BUFFER_SIZE = 2n;

const HIGH_WORD = 2 ** 32;

export class Parameters {
  /** Address of the list that `cuLaunchKernel` takes as `extra`. */
  readonly extra: number;
  private readonly words = new Uint32Array(MAX_BYTES / 4);
  private readonly signed = new Int32Array(this.words.buffer);
  private readonly floats = new Float32Array(this.words.buffer);
  private readonly size = new BigUint64Array(1);
  private readonly sizeWord = new Uint32Array(this.size.buffer);
  /** Kept here: its memory is referred to by address only. */
  private readonly list: BigUint64Array;

  constructor(native: Pick<Native, "address">) {
    const [words, size] = [native.address(this.words), native.address(this.size)];
    this.list = BigUint64Array.of(BUFFER_POINTER, BigInt(words), BUFFER_SIZE, BigInt(size), END);
    this.extra = native.address(this.list);
  }

  /** @returns the bytes used */
  pack(args: readonly Argument[]): number {
    let at = 0;
    for (const argument of args) {
      const { value } = argument;
      switch (argument.type) {
        case "f32":
          this.floats[at] = value;
          break;
        case "i32":
          this.signed[at] = value;
          break;
        case "u32":
          this.words[at] = value;
          break;
        case "pointer":
        case "i64":
          // Not what an earlier launch left there: what looks at the list must not take it for an address.
          if (at & 1) this.words[at++] = 0;
          this.words[at] = value;
          this.words[at + 1] = Math.floor(value / HIGH_WORD);
          at++;
          break;
        default:
          argument satisfies never;
      }
      at++;
    }
    if (at > this.words.length) throw new RangeError(`${args.length} parameters are too many`);
    this.sizeWord[0] = at * 4;
    return at * 4;
  }

  /** What the last {@link pack} wrote. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer, 0, this.sizeWord[0]);
  }
}
