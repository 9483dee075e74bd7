import { beside, hasOwnMemory } from "../backend/index.ts";

/**
 * For what was asked of the device and is only needed later: a device with memory of its own goes on meanwhile. Where
 * device and host share their memory it is there at once, and is used up before more is made.
 *
 * @param asked its failure is told to whoever waits for it in the end
 */
export async function inStep(asked: Promise<unknown>): Promise<void> {
  void beside(asked);
  if (!hasOwnMemory()) await asked;
}
