/** What there is to do, by the three things that take time, and how long a machine takes over it. */

/** What a device does in a second (`speedOf`). */
export interface Speed {
  /** Floating-point operations of large matrix products. */
  readonly flops: number;
  /** Elements that an elementwise operation of a decoder layer passes through: those of its SwiGLU. */
  readonly elements: number;
}

export interface Work {
  /** Of matrix products; a multiplication and an addition are two. */
  readonly flops: number;
  /**
   * Passed through between the products, in units of {@link Speed.elements}: what is read and written once or twice with
   * little arithmetic counts once. For small models it is the most of the work.
   */
  readonly elements: number;
  /** What the device has no share in: calls, files, the host's own loops. */
  readonly seconds: number;
}

export const NO_WORK: Work = { flops: 0, elements: 0, seconds: 0 };

export const sum = (...works: readonly Work[]): Work =>
  works.reduce(
    (a, b) => ({
      flops: a.flops + b.flops,
      elements: a.elements + b.elements,
      seconds: a.seconds + b.seconds,
    }),
    NO_WORK,
  );

export const times = (n: number, { flops, elements, seconds }: Work): Work => ({
  flops: n * flops,
  elements: n * elements,
  seconds: n * seconds,
});

export const secondsOf = ({ flops, elements, seconds }: Work, speed: Speed): number =>
  flops / speed.flops + elements / speed.elements + seconds;
