/** A status other than success, as the library that returned it names it. */
export class StatusError extends Error {
  override readonly name = "StatusError";

  constructor(
    /** The C function. */
    readonly call: string,
    readonly status: number,
    /** `CUDA_ERROR_ILLEGAL_ADDRESS` */
    readonly symbol: string,
    words: string,
  ) {
    super(`${call} returned ${symbol} (${status})${words === "" ? "" : `: ${words}`}`);
  }
}
