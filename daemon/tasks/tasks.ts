/** The tasks there are, and whose semantics they follow. */
import type { TaskName } from "../vocabulary.ts";
import { arcChallenge, arcEasy } from "./arc.ts";
import { hellaswag } from "./hellaswag.ts";
import { piqa } from "./piqa.ts";
import type { Task } from "./task.ts";
import { winogrande } from "./winogrande.ts";

/**
 * Prompts, normalisation, token boundaries and standard errors are those of this version of EleutherAI's
 * lm-evaluation-harness, zero-shot, with its defaults for Hugging Face causal models (`--model hf`).
 */
export const HARNESS = "lm-evaluation-harness 0.4.13";

export const TASKS: Readonly<Record<TaskName, Task>> = {
  piqa,
  hellaswag,
  arc_easy: arcEasy,
  arc_challenge: arcChallenge,
  winogrande,
};
