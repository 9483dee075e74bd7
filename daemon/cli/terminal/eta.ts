/** How long it will still take, from how it went so far. */

/** Work below this share of the whole says too little about the rest. */
const ENOUGH = 0.02;

export interface Eta {
  /** Seconds left, `null` while unknown. `fraction` (0…1) is what is done at `seconds` on the caller's clock. */
  update(fraction: number, seconds: number): number | null;
}

/**
 * Starts counting at the first fraction it is told, so that a resumed run does not look fast. `planned` seconds for
 * the whole serve until there is enough to go by.
 */
export function createEta(planned: number | null): Eta {
  let start: { fraction: number; seconds: number } | null = null;
  return {
    update(fraction, seconds) {
      start ??= { fraction, seconds };
      const done = fraction - start.fraction;
      if (done < ENOUGH) return planned === null ? null : planned * (1 - fraction);
      return ((seconds - start.seconds) / done) * (1 - fraction);
    },
  };
}
