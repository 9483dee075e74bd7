/** Libraries whose functions are JavaScript: what was called with what is recorded, and statuses are as told. */
import type {
  CType,
  Native,
  NativeArgument,
  NativeFunction,
} from "../../../daemon/backend/cuda/ffi/index.ts";

export type FakeLibrary = Readonly<Record<string, NativeFunction>>;

export interface FakeNative extends Native {
  readonly loads: string[];
  readonly calls: { readonly name: string; readonly args: readonly NativeArgument[] }[];
  /** By function name, as declared. */
  readonly types: Map<string, readonly CType[]>;
  /** Puts a string where C would. */
  put(text: string): number;
}

/** @param libraries by path; a function that is not named succeeds and does nothing */
export function fakeNative(libraries: Readonly<Record<string, FakeLibrary>>): FakeNative {
  const strings = new Map<number, string>();
  const addresses = new Map<ArrayBufferLike, number>();
  const native: FakeNative = {
    loads: [],
    calls: [],
    types: new Map(),
    load(path) {
      const library = libraries[path];
      if (!library) throw new Error(`${path}: cannot open shared object file`);
      native.loads.push(path);
      return {
        path,
        function: (name, types) => {
          native.types.set(name, types);
          return (...args) => {
            native.calls.push({ name, args });
            return library[name]?.(...args) ?? 0;
          };
        },
        text: () => (status) => `STATUS_${status}`,
      };
    },
    address(memory) {
      const known = addresses.get(memory.buffer);
      const address = known ?? 0x7000_0000_0000 + addresses.size * 0x10_0000;
      addresses.set(memory.buffer, address);
      return address + memory.byteOffset;
    },
    view: (_address, bytes) => new ArrayBuffer(bytes),
    string: (address) => strings.get(address) ?? "",
    put(text) {
      const address = 0x1000 + strings.size * 0x100;
      strings.set(address, text);
      return address;
    },
  };
  return native;
}

/** Writes what a C function gives back by pointer. */
export function give(to: NativeArgument | undefined, value: number): number {
  if (to instanceof BigUint64Array) to[0] = BigInt(value);
  else if (to instanceof Int32Array || to instanceof Float32Array) to[0] = value;
  else throw new Error("nothing to write to");
  return 0;
}
