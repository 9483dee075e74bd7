/**
 * WinoGrande (Sakaguchi et al. 2020): which of two names a blank stands for. Partial scoring (Trinh & Le 2018): the
 * name goes into the context, and what is scored is the rest of the sentence, the same for both; lengths need no
 * normalising. Measured on the validation part.
 */
import { z } from "zod";
import { NO_LABEL } from "./label.ts";
import { strip } from "./python.ts";
import { VALIDATION, type Task } from "./task.ts";

export const winogrande: Task = {
  version: "1.0",
  dataNames: ["winogrande", "winogrande_xl"],
  splits: VALIDATION,
  metrics: ["acc"],
  row: z
    .object({
      sentence: z.string().includes("_", { error: "no blank, written _" }),
      option1: z.string(),
      option2: z.string(),
      answer: z.enum(["1", "2"], {
        error: ({ input }) => (input === "" ? NO_LABEL : 'neither "1" nor "2"'),
      }),
    })
    .transform(({ sentence, option1, option2, answer }) => {
      const blank = sentence.indexOf("_");
      const continuation = ` ${strip(sentence.slice(blank + 1))}`;
      const choices = [option1, option2].map((option) => sentence.slice(0, blank) + option);
      return {
        requests: choices.map((context) => ({ context, continuation })),
        choices,
        gold: Number(answer) - 1,
      };
    }),
};
