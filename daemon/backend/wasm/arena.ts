/**
 * An allocator for large tensors on the WASM heap. The heap's own leaves fragments between blocks of different
 * lifetimes, and a WASM memory never shrinks: whatever was touched once stays with the process. This one knows which
 * pages of its free blocks the process still has. It takes those first, and gives back what goes beyond the most that
 * was in use together lately. So the process holds that much and no more, whatever the fragments.
 *
 * It works on addresses alone: where its regions come from and how pages are given back is the caller's.
 */

/** Pages of a WASM memory; no system's own are larger. */
export const PAGE = 65_536;

/** Address space taken at a time. Costs nothing until it is touched. */
const REGION_BYTES = 64 << 20;

/** New pages after which {@link ArenaSource.growing} is called. */
const GROWTH_BYTES = 8 << 20;

/** See {@link Arena}: times the most in use. */
const TURNOVER = 4;

/** Parts of the most that was in use: a block of a quarter is much (the Hessian of `down`), an eighth is next to nothing. */
const MUCH = 4;
const FEW = 8;

export interface ArenaSource {
  /** Address of `bytes` of fresh memory, untouched; 0 where there is none. */
  reserve(bytes: number): number;
  /** Takes back what {@link reserve} gave. */
  release(address: number): void;
  /** What to throw where there is no room. */
  full(bytes: number): Error;
  /** Gives pages back to the system, which may be touched again; undefined where that cannot be. */
  readonly discard: ((address: number, bytes: number) => void) | undefined;
  /** Told now and then while the process takes more pages, and has many, so that it parts with others it can spare. */
  readonly growing?: (() => void) | undefined;
}

interface Block {
  readonly at: number;
  size: number;
  free: boolean;
}

interface Region {
  /** As it was reserved. */
  readonly address: number;
  /** In the order of their addresses, without gaps; no two free ones beside each other. */
  readonly blocks: Block[];
}

export class Arena {
  readonly #regions: Region[] = [];
  /** Whether the process has a page, by its number; what is in use counts as touched. */
  readonly #resident = new Uint8Array(2 ** 32 / PAGE);
  #residentBytes = 0;
  #inUse = 0;
  /** The most that was in use together, in this stretch of allocations and in the one before. */
  readonly #most = { here: 0, before: 0 };
  /** Bytes still to be allocated in this stretch. */
  #toGo = 0;
  /** Bytes of new pages since {@link ArenaSource.growing} was called. */
  #growth = 0;

  constructor(private readonly source: ArenaSource) {}

  /** Bytes of the blocks in use, in whole pages. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Bytes of its pages that the process has: never more than were in use together lately. */
  get resident(): number {
    return this.#residentBytes;
  }

  /** @throws {@link ArenaSource.full} */
  allocate(bytes: number): number {
    const size = Math.ceil(bytes / PAGE) * PAGE;
    const [region, index] = this.#bestFit(size) ?? [this.#newRegion(size), 0];
    const block = region.blocks[index];
    if (!block) throw new RangeError("a region has a block");
    if (block.size > size) {
      region.blocks.splice(index + 1, 0, {
        at: block.at + size,
        size: block.size - size,
        free: true,
      });
      block.size = size;
    }
    block.free = false;
    this.#inUse += size;
    this.#most.here = Math.max(this.#most.here, this.#inUse);
    this.#touch(block);
    this.#stretch(size);
    return block.at;
  }

  /** @returns whether the block was the arena's */
  free(address: number): boolean {
    if (address % PAGE !== 0) return false;
    for (const [place, region] of this.#regions.entries()) {
      const { blocks } = region;
      const index = blocks.findIndex(({ at, free }) => at === address && !free);
      const block = blocks[index];
      if (!block) continue;
      const freed = block.size;
      block.free = true;
      this.#inUse -= freed;
      this.#join(blocks, index);
      this.#join(blocks, index - 1);
      if (blocks.length === 1 && block.size > REGION_BYTES) this.#giveBack(place, region);
      this.#relax(freed);
      return true;
    }
    return false;
  }

  /** The free block that fits with the fewest new pages; of those the smallest. */
  #bestFit(size: number): [Region, number] | undefined {
    let best: [Region, number] | undefined;
    let least = Infinity;
    for (const region of this.#regions) {
      for (const [index, block] of region.blocks.entries()) {
        if (!block.free || block.size < size) continue;
        const cost = this.#newPages(block.at, size) * 2 ** 32 + block.size;
        if (cost < least) [best, least] = [[region, index], cost];
      }
    }
    return best;
  }

  #newPages(at: number, size: number): number {
    let count = 0;
    for (let page = at / PAGE; page < (at + size) / PAGE; page++)
      count += 1 - (this.#resident[page] ?? 0);
    return count;
  }

  #newRegion(size: number): Region {
    const room = Math.max(size, REGION_BYTES);
    const region = this.#reserved(room) ?? this.#lastResort(size);
    this.#regions.push(region);
    return region;
  }

  /** @returns undefined where there is no such room, but less might be */
  #reserved(size: number): Region | undefined {
    // A page more: the source's addresses are not whole pages.
    const address = this.source.reserve(size + PAGE);
    if (address === 0) return undefined;
    return { address, blocks: [{ at: Math.ceil(address / PAGE) * PAGE, size, free: true }] };
  }

  #lastResort(size: number): Region {
    for (let place = this.#regions.length - 1; place >= 0; place--) {
      const region = this.#regions[place];
      if (region?.blocks.every(({ free }) => free)) this.#giveBack(place, region);
    }
    const region = this.#reserved(size);
    if (!region) throw this.source.full(size);
    return region;
  }

  /** A region made for one large block goes with it, so that its addresses serve whatever comes. */
  #giveBack(place: number, { address, blocks }: Region): void {
    for (const { at, size } of blocks) this.#discard(at, size);
    this.#regions.splice(place, 1);
    this.source.release(address);
  }

  #join(blocks: Block[], index: number): void {
    const [block, next] = [blocks[index], blocks[index + 1]];
    if (!block?.free || !next?.free) return;
    block.size += next.size;
    blocks.splice(index + 1, 1);
  }

  #touch({ at, size }: Block): void {
    const fresh = this.#newPages(at, size) * PAGE;
    if (fresh === 0) return;
    this.#trim(this.#residentBytes + fresh - Math.max(this.#most.here, this.#most.before));
    this.#resident.fill(1, at / PAGE, (at + size) / PAGE);
    this.#residentBytes += fresh;
    this.#growth += fresh;
    if (this.#growth < GROWTH_BYTES || this.#residentBytes < REGION_BYTES) return;
    this.#growth = 0;
    this.source.growing?.();
  }

  /** A stretch ends when so many times its most was allocated: longer than one round of any loop. */
  #stretch(size: number): void {
    this.#toGo -= size;
    if (this.#toGo > 0) return;
    const { here, before } = this.#most;
    this.#trim(this.#residentBytes - Math.max(here, before));
    this.#most.before = here;
    this.#most.here = this.#inUse;
    this.#toGo = TURNOVER * here;
  }

  /** Where much of what was in use goes at once, or next to nothing is left, something is over: none is kept for more. */
  #relax(freed: number): void {
    const most = Math.max(this.#most.here, this.#most.before);
    if (most < REGION_BYTES || (freed < most / MUCH && this.#inUse > most / FEW)) return;
    this.settle();
  }

  /** Something is over: nothing is kept beyond what is in use. */
  settle(): void {
    this.#trim(this.#residentBytes - this.#inUse);
    this.#most.before = 0;
    this.#most.here = this.#inUse;
  }

  /** Gives at least `excess` bytes of free blocks back, the largest block first. */
  #trim(excess: number): void {
    if (excess <= 0 || !this.source.discard) return;
    const free = this.#regions
      .flatMap(({ blocks }) => blocks.filter((block) => block.free))
      .sort((a, b) => b.size - a.size);
    for (const { at, size } of free) {
      if (excess <= 0) return;
      // From the end: new blocks are made at the beginning.
      for (let last = at + size - PAGE; last >= at && excess > 0; last -= PAGE) {
        if (!this.#resident[last / PAGE]) continue;
        let first = last;
        while (first > at && last + PAGE - first < excess && this.#resident[first / PAGE - 1]) {
          first -= PAGE;
        }
        excess -= this.#discard(first, last + PAGE - first);
        last = first;
      }
    }
  }

  /** @returns how many bytes the process had of them */
  #discard(at: number, size: number): number {
    const had = size - this.#newPages(at, size) * PAGE;
    if (had === 0 || !this.source.discard) return 0;
    this.source.discard(at, size);
    this.#resident.fill(0, at / PAGE, (at + size) / PAGE);
    this.#residentBytes -= had;
    return had;
  }
}
