import { DenoiseError } from "../../daemon/errors.ts";

/** Code of the error that `work` throws. */
export function failing(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DenoiseError) return error.code;
    throw error;
  }
  return "nothing was thrown";
}
