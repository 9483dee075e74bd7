/**
 * C functions of shared libraries, by koffi. The one file that knows koffi: everything else calls what is declared
 * here, and a test hands in functions of its own.
 */
import type * as Koffi from "koffi";
import type { Absence } from "../../provider.ts";

/** Handles and device pointers travel as 64-bit integers: on every ABI they are passed as the pointers they are. */
export type CType =
  | "int"
  | "uint"
  | "uchar"
  | "float"
  | "size_t"
  | "int64_t"
  | "uint64_t"
  | "str"
  | "void *"
  | "const char **";

/** Typed arrays stand for pointers to their memory, for input and output. */
export type NativeArgument = number | string | null | ArrayBufferView | readonly string[];
export type NativeFunction = (...args: readonly NativeArgument[]) => number;

export interface NativeLibrary {
  readonly path: string;
  /** @throws where the library has no such function */
  function(name: string, types: readonly CType[]): NativeFunction;
  /** A function that turns a status into words. */
  text(name: string): (status: number) => string;
}

export interface Native {
  /** @throws the system loader's words */
  load(path: string): NativeLibrary;
  /** Where a typed array lies. It stays there: its memory is never moved. */
  address(memory: ArrayBufferView): number;
  /** Memory outside JavaScript as an ArrayBuffer; it must not be used after it was freed. */
  view(address: number, bytes: number): ArrayBuffer;
  /** A zero-terminated string. */
  string(address: number): string;
}

export async function loadNative(): Promise<Native | Absence> {
  let koffi: typeof Koffi;
  try {
    koffi = await import("koffi");
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/\n.*/s, "") : String(error);
    return { why: `koffi cannot be loaded (${why})`, remedy: "npm install koffi" };
  }
  return {
    load: (path) => libraryOf(koffi, path),
    address: (memory) => Number(koffi.address(memory)),
    view: (address, bytes) => koffi.view(address, bytes),
    string: (address) => koffi.decode.string(address),
  };
}

function libraryOf(koffi: typeof Koffi, path: string): NativeLibrary {
  const handle = koffi.load(path);
  return {
    path,
    function: (name, types) => handle.func(name, "int", [...types]) as NativeFunction,
    text: (name) => handle.func(name, "str", ["int"]) as (status: number) => string,
  };
}
