/** HellaSwag (Zellers et al. 2019): which of four endings a description has. Measured on the validation part. */
import { z } from "zod";
import { label } from "./label.ts";
import { capitalize, strip } from "./python.ts";
import { multipleChoice, VALIDATION, type Task } from "./task.ts";

/** Takes out what the WikiHow part was annotated with: `[header]`, `[title]`, `[step]`. */
export const clean = (text: string): string =>
  strip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");

export const hellaswag: Task = {
  version: "1.0",
  dataNames: ["hellaswag"],
  splits: VALIDATION,
  metrics: ["acc", "acc_norm", "acc_bytes"],
  row: z
    .object({
      activity_label: z.string(),
      ctx_a: z.string(),
      ctx_b: z.string(),
      endings: z.array(z.string()).min(2),
      label,
    })
    .refine((row) => row.label < row.endings.length, {
      path: ["label"],
      error: "there is no such ending",
    })
    .transform((row) => {
      const context = `${row.activity_label}: ${row.ctx_a} ${capitalize(row.ctx_b)}`;
      return multipleChoice(clean(context), row.endings.map(clean), row.label);
    }),
};
