/** How rotations are learned. */
import { z } from "zod";
import { OBJECTIVES } from "../vocabulary.ts";
import { about, count } from "./fields.ts";
import { ROTATION_WORD } from "./words.ts";

const ROTATION_WRONG = 'Give "layer", "every:K" with a whole number K ≥ 1, "global" or "none".';

export const rotationOptions = {
  rotation: z
    .string()
    .regex(ROTATION_WORD, ROTATION_WRONG)
    .optional()
    .meta(
      about(
        "Which layers share a rotation",
        "`layer` (default): each its own, the paper's; adds one d×d matrix at every layer boundary (about 6.5 % more " +
          "parameters at 8B), and `transformers` loads the output with `trust_remote_code=True`. `global`: one for all " +
          "layers, folds away completely, so the output is a plain checkpoint that every engine loads; quality in " +
          "between. `every:K`: one for K layers. `none`: plain pruning.",
        {
          default: "layer",
          examples: ["layer", "global", "every:4", "none"],
          patternErrorMessage: ROTATION_WRONG,
        },
      ),
    ),
  objective: z
    .enum(OBJECTIVES)
    .optional()
    .meta(
      about(
        "What the rotation is learned for",
        "`pruned-mass` (default): the share of importance that the pattern will delete; knows of 2:4, and was better " +
          "than entropy in all our measurements. `entropy`: the paper's, the Shannon entropy of the importance; does " +
          "not know the pattern, which the paper names as its limitation.",
        {
          default: "pruned-mass",
          markdownEnumDescriptions: [
            "The share of importance that the pattern will delete.",
            "The Shannon entropy of the importance, as in the paper.",
          ],
        },
      ),
    ),
  steps: count(1)
    .optional()
    .meta(
      about(
        "Steps of the rotation's optimizer",
        "Default 200 for `pruned-mass`, 400 for `entropy`. The paper takes 2000 with an optimizer that needs about ten " +
          "times as many. Steps matter most for 2:4; at 50 % a few give nearly all of the gain.",
        { examples: [100, 200, 600] },
      ),
    ),
  learningRate: z
    .number()
    .gt(0)
    .max(10)
    .optional()
    .meta(
      about(
        "Initial learning rate of the rotation",
        "Default 0.8 / √(hidden size). It falls to 0 along a cosine. Sensitivity is low: within a factor of two results " +
          "differ by no more than between seeds.",
      ),
    ),
  regroup: z
    .boolean()
    .optional()
    .meta(
      about(
        "Reorder columns and neurons",
        "Default `true`: columns and FFN neurons are put in an order in which the groups of N:M lose less. It costs no " +
          "parameters and no time in the output, and does nothing without rotation or for an unstructured share.",
        { default: true },
      ),
    ),
};
