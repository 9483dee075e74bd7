/** What lies on a GPU only because there is room: it goes before an allocation fails. */
export interface KeptMemory {
  readonly bytes: number;
  /** Nobody else refers to it: giving it up gives its memory back. */
  readonly alone: () => boolean;
  readonly giveUp: () => void;
}

export class Kept {
  private readonly all = new Set<KeptMemory>();
  private total = 0;

  /** Of all that is kept. */
  get bytes(): number {
    return this.total;
  }

  /** @returns takes it off the list; nothing happens the second time */
  add(memory: KeptMemory): () => void {
    this.all.add(memory);
    this.total += memory.bytes;
    return () => {
      if (this.all.delete(memory)) this.total -= memory.bytes;
    };
  }

  /**
   * Gives up as much as makes `bytes`, or what there is; what was kept last first, since a pass begins with the first.
   *
   * @returns whether anything was given up
   */
  giveUp(bytes: number): boolean {
    let gone = 0;
    for (const memory of [...this.all].reverse()) {
      if (gone >= bytes) break;
      if (!memory.alone()) continue;
      memory.giveUp();
      gone += memory.bytes;
    }
    return gone > 0;
  }
}
