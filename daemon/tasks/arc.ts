/** ARC (Clark et al. 2018): school science questions with three to five answers. Measured on the test part. */
import { z } from "zod";
import { label, NO_LABEL } from "./label.ts";
import { multipleChoice, type Item, type Task } from "./task.ts";

const question = (text: string, choices: readonly string[], gold: number): Item =>
  multipleChoice(`Question: ${text}\nAnswer:`, choices, gold);

/** @param labels what the choices go by: `A B C D`, in some rows `1 2 3 4` */
function labelled(
  text: string,
  choices: readonly string[],
  labels: readonly string[],
  answerKey: string,
  context: z.RefinementCtx,
): Item {
  const gold = labels.indexOf(answerKey);
  if (gold >= 0 && choices.length === labels.length) return question(text, choices, gold);
  const message =
    answerKey === ""
      ? NO_LABEL
      : `${JSON.stringify(answerKey)} is not the label of one of ${choices.length} choices`;
  context.addIssue({ code: "custom", path: ["answerKey"], message });
  return z.NEVER;
}

/** As on the Hub: the choices by columns. */
const hub = z
  .object({
    question: z.string(),
    choices: z.object({ text: z.array(z.string()).min(2), label: z.array(z.string()) }),
    answerKey: z.string(),
  })
  .transform((row, context) =>
    labelled(row.question, row.choices.text, row.choices.label, row.answerKey, context),
  );

/** As first published: the choices one by one, below the question. */
const original = z
  .object({
    question: z.object({
      stem: z.string(),
      choices: z.array(z.object({ text: z.string(), label: z.string() })).min(2),
    }),
    answerKey: z.string(),
  })
  .transform(({ question: { stem, choices }, answerKey }, context) => {
    const texts = choices.map((choice) => choice.text);
    const labels = choices.map((choice) => choice.label);
    return labelled(stem, texts, labels, answerKey, context);
  });

/** Plain: the choices a list, the right one by its index. */
const plain = z
  .object({ question: z.string(), choices: z.array(z.string()).min(2), label })
  .refine((row) => row.label < row.choices.length, {
    path: ["label"],
    error: "there is no such choice",
  })
  .transform((row) => question(row.question, row.choices, row.label));

/** The layout is told by the row, so that what is wrong is said of the layout that was meant. */
const row = z.record(z.string(), z.unknown()).transform((value, context): Item => {
  const layout: z.ZodType<Item> =
    typeof value.question === "object" ? original : Array.isArray(value.choices) ? plain : hub;
  const parsed = layout.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { message, path } of parsed.error.issues) {
    context.addIssue({ code: "custom", path, message });
  }
  return z.NEVER;
});

const arc = (...dataNames: readonly string[]): Task => ({
  version: "1.0",
  dataNames,
  splits: ["test"],
  metrics: ["acc", "acc_norm", "acc_bytes"],
  row,
});

export const arcEasy = arc("arc_easy", "ARC-Easy");
export const arcChallenge = arc("arc_challenge", "ARC-Challenge");
