/** What makes two runs the same one, and in which words they differ. */
import type { Recipe } from "../report.ts";

/** What a resumed run must have in common with the one it continues. */
export interface RunIdentity {
  readonly version: string;
  /** Of the input checkpoint. */
  readonly fingerprint: string;
  readonly device: string;
  readonly recipe: Recipe;
  /** SHA-256 of each calibration file. */
  readonly calibration: readonly string[];
  /** Text field of JSONL and Parquet rows. */
  readonly field: string | null;
}

/** Parts of an identity as they come from a file, the recipe among them. */
export type Recorded = Readonly<Record<string, unknown>> & { readonly recipe: object };

/** Known by their hashes only, which say nothing to a person. */
const HASHED: Readonly<Record<string, string>> = {
  fingerprint: "another input checkpoint, or one that was changed since",
  calibration: "other calibration text",
};

const LABELS: Readonly<Record<string, string>> = { version: "program version" };

/**
 * The first of `now`'s parts that is not as it was, in words that follow "was started with"; null if none.
 * What only `then` has does not count.
 */
export function firstDifference(then: Recorded, now: Recorded): string | null {
  const before = flat(then);
  for (const [key, value] of Object.entries(flat(now))) {
    const [a, b] = [shown(before[key]), shown(value)];
    if (a !== b) return HASHED[key] ?? `${LABELS[key] ?? key} ${a}, now it is ${b}`;
  }
  return null;
}

const flat = ({ recipe, ...rest }: Recorded): Record<string, unknown> => ({ ...rest, ...recipe });

const shown = (value: unknown): string =>
  value === undefined ? "(nothing)" : JSON.stringify(value);
