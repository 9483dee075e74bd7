/** Giving memory of the process back to the system, where it has calls for that and koffi can make them. */

const LIBRARY = "libc.so.6";
/** Linux: the pages are gone at once, and read as zeros when they are touched again. */
const MADV_DONTNEED = 4;
/** glibc: from which size on a piece of memory is a mapping of its own. */
const M_MMAP_THRESHOLD = -3;
const MAPPED_BYTES = 256 << 10;
/** glibc: how much a thread's heap may have free at its end. */
const M_TRIM_THRESHOLD = -1;
const FREE_BYTES = 1 << 20;

export interface Pages {
  /** Gives up whole pages of memory that nobody needs the content of. */
  discard(pages: Uint8Array): void;
  /**
   * Gives up what the C library keeps of memory that was freed: compilers and collectors at work on other threads leave
   * some 20 MB. Takes less than a millisecond.
   */
  trim(): void;
}

/**
 * Also has the C library unmap freed arrays of the host, and give up the free end of every thread's heap. It would by
 * itself, but the first large array that is freed teaches it to keep all of that size, and twice as much at each end.
 *
 * @returns undefined where it cannot be: the memory then stays with the process, and only that
 */
export async function findPages(): Promise<Pages | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const koffi = await import("koffi");
    const library = koffi.load(LIBRARY);
    const mallopt = library.func("mallopt", "int", ["int", "int"]);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, FREE_BYTES);
    const madvise = library.func("madvise", "int", ["void *", "size_t", "int"]);
    const trim = library.func("malloc_trim", "int", ["size_t"]);
    return {
      discard(pages) {
        madvise(pages, pages.byteLength, MADV_DONTNEED);
      },
      trim() {
        trim(0);
      },
    };
  } catch {
    return undefined;
  }
}
