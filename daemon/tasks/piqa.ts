/** PIQA (Bisk et al. 2020): which of two solutions reaches a goal. Measured on the validation part. */
import { z } from "zod";
import { label } from "./label.ts";
import { multipleChoice, VALIDATION, type Task } from "./task.ts";

export const piqa: Task = {
  version: "1.0",
  dataNames: ["piqa"],
  splits: VALIDATION,
  metrics: ["acc", "acc_norm", "acc_bytes"],
  row: z
    .object({
      goal: z.string(),
      sol1: z.string(),
      sol2: z.string(),
      label: label.refine((index) => index < 2, { error: "neither 0 nor 1" }),
    })
    .transform((row) =>
      multipleChoice(`Question: ${row.goal}\nAnswer:`, [row.sol1, row.sol2], row.label),
    ),
};
