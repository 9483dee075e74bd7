/** Which bytes of a range have arrived, in any order and in pieces. */

export class Coverage {
  /** Disjoint, not touching, sorted: `[begin, end)` pairs. */
  #spans: (readonly [begin: number, end: number])[] = [];

  /** @param size the range is `[0, size)` */
  constructor(readonly size: number) {}

  /** Marks `[begin, end)`; false, and nothing marked, where a byte of it was marked before. */
  add(begin: number, end: number): boolean {
    if (begin === end) return true;
    const at = this.#spans.findIndex(([, e]) => e >= begin);
    const first = at < 0 ? this.#spans.length : at;
    let last = first;
    let [from, to] = [begin, end];
    // Spans that merely touch the new one are merged with it; there are at most two.
    for (let span = this.#spans[last]; span && span[0] <= end; span = this.#spans[++last]) {
      if (span[0] < end && begin < span[1]) return false;
      from = Math.min(from, span[0]);
      to = Math.max(to, span[1]);
    }
    this.#spans.splice(first, last - first, [from, to]);
    return true;
  }

  get missing(): number {
    return this.#spans.reduce((left, [begin, end]) => left - (end - begin), this.size);
  }
}
