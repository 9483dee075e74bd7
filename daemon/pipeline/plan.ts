/** What a run will do, known from headers alone: what each tensor becomes, and what it will take. */
import type { DType } from "../checkpoint/index.ts";
import type { Recipe } from "../report.ts";

/** What happens to one tensor of the input. */
export type TensorFate = "pruned" | "rotated" | "folded" | "added" | "copied";

export interface PlannedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly fate: TensorFate;
  /** Elements that will be zero: the exact count of the pattern for `pruned`, else 0. */
  readonly zeros: number;
}

/** What the run would need more of than there is: it refuses to begin. */
export interface Shortage {
  /** Of the error that the run would begin and end with. */
  readonly code: string;
  /** Bytes. */
  readonly needed: number;
  readonly available: number;
  /** For people; says what to do. */
  readonly message: string;
}

export interface Plan {
  readonly checkpoint: string;
  readonly output: string;
  readonly work: string;
  readonly modelType: string;
  readonly layers: number;
  readonly parameters: number;
  readonly recipe: Recipe;
  readonly tensors: readonly PlannedTensor[];
  /** Names of the output's weight files. */
  readonly files: readonly string[];
  /** Whether the device's memory is its own, a GPU's, and no part of the machine's. */
  readonly ownMemory: boolean;
  /** Estimates, bytes. `deviceMemory` is what the numeric backend holds at its peak. */
  readonly deviceMemory: number;
  readonly hostMemory: number;
  /** The largest single tensor on the device, bytes. */
  readonly largestTensor: number;
  /** Free disk needed beside the output while it runs, and bytes of the finished output. */
  readonly workDisk: number;
  readonly outputDisk: number;
  readonly freeDisk: number;
  /** Floating-point operations of the whole run, the base of the time estimate. */
  readonly flops: number;
  /** Seconds, from the operations and a short measured matrix product on the chosen device; `null` before one is open. */
  readonly seconds: number | null;
  /** Empty where the run can begin, and before a device is open. */
  readonly shortages: readonly Shortage[];
  /** Remarks for the person: what the output is and is not (N:M runtimes, tied head untied, …). */
  readonly notes: readonly string[];
}
