/** Asks for one matrix at a time: a later choice drops the answer to an earlier one. */
import type { MatrixReport } from "../../daemon/report.ts";
import type { MatrixId } from "../messages.ts";
import { RequestError, type Bridge } from "./bridge.ts";

export class MatrixRequest {
  #asked: AbortController | null = null;

  constructor(private readonly bridge: Bridge) {}

  /** Calls exactly one of the two, or neither when {@link drop} or another choice comes first. */
  ask(
    { layer, role }: MatrixId,
    there: (matrix: MatrixReport) => void,
    failed: (error: unknown) => void,
  ): void {
    this.drop();
    const own = (this.#asked = new AbortController());
    this.bridge.request("matrix", { layer, role }, own.signal).then(
      (matrix) => {
        if (!own.signal.aborted) there(matrix);
      },
      (error: unknown) => {
        if (!(error instanceof RequestError && error.code === "cancelled")) failed(error);
      },
    );
  }

  drop(): void {
    this.#asked?.abort();
  }
}
