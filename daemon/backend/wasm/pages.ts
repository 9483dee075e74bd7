/** Giving memory of the process back to the system, where it has calls for that and koffi can make them. */

const LIBRARY = "libc.so.6";
/** Linux: the pages are gone at once, and read as zeros when they are touched again. */
const MADV_DONTNEED = 4;
/** glibc: from which size on a piece of memory is a mapping of its own. */
const M_MMAP_THRESHOLD = -3;
const MAPPED_BYTES = 256 << 10;

/** Gives up whole pages of memory that nobody needs the content of. */
export type DiscardPages = (pages: Uint8Array) => void;

/**
 * Also has the C library unmap freed arrays of the host. It would by itself, but the first large one that is freed
 * teaches it to keep all of that size, and between what else is kept they lie in fragments.
 *
 * @returns undefined where it cannot be: the memory then stays with the process, and only that
 */
export async function findDiscard(): Promise<DiscardPages | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const koffi = await import("koffi");
    const library = koffi.load(LIBRARY);
    library.func("mallopt", "int", ["int", "int"])(M_MMAP_THRESHOLD, MAPPED_BYTES);
    const madvise = library.func("madvise", "int", ["void *", "size_t", "int"]);
    return (pages) => {
      madvise(pages, pages.byteLength, MADV_DONTNEED);
    };
  } catch {
    return undefined;
  }
}
