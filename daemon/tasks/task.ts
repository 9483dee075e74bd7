/** What a multiple-choice task is: rows of its data set in, requests to the model out. */
import type { z } from "zod";

/** The model is asked for log P(continuation | context). */
export interface Request {
  readonly context: string;
  readonly continuation: string;
}

export interface Item {
  /** One a choice, in the data set's order. */
  readonly requests: readonly Request[];
  /** The choices without the space before them: their lengths normalise `acc_norm` and `acc_bytes`. */
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly gold: number;
}

export const METRICS = ["acc", "acc_norm", "acc_bytes"] as const;
export type Metric = (typeof METRICS)[number];

export interface Task {
  /** Version of the harness's task definition that is followed. */
  readonly version: string;
  /** Names a file or folder of its data may have, the task's own first. */
  readonly dataNames: readonly string[];
  /** Parts of the data set that the harness measures on, as files name them. */
  readonly splits: readonly string[];
  readonly metrics: readonly Metric[];
  /** A row in any of the data set's layouts, made an item. */
  readonly row: z.ZodType<Item>;
}

/** The usual kind: one question, and every choice, after a space, a continuation of it. */
export const multipleChoice = (
  context: string,
  choices: readonly string[],
  gold: number,
): Item => ({
  requests: choices.map((choice) => ({ context, continuation: ` ${choice}` })),
  choices,
  gold,
});

export const VALIDATION: readonly string[] = ["validation", "valid", "val", "dev"];
