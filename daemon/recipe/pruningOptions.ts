/** What is deleted, and by which method. */
import { z } from "zod";
import { PRUNE_METHODS } from "../vocabulary.ts";
import { about, count, path } from "./fields.ts";
import { patternOf, SPARSITY_WORD } from "./words.ts";

const SPARSITY_WRONG = 'Give N:M with N < M such as "2:4", or a share such as "50%".';

export const pruningOptions = {
  method: z
    .enum(PRUNE_METHODS)
    .optional()
    .meta(
      about(
        "Pruning method",
        "`sparsegpt` (default): removes by w²/[H⁻¹]ⱼⱼ and corrects the remaining weights; the best in the paper, most " +
          "of all at 2:4. `wanda`: removes by w²·Hⱼⱼ, no correction, faster. `magnitude`: by w², needs no calibration " +
          "text and loses most.",
        {
          default: "sparsegpt",
          markdownEnumDescriptions: [
            "By w² alone. Needs no calibration text; loses most.",
            "By w²·Hⱼⱼ. Fast, no correction of the remaining weights.",
            "By w²/[H⁻¹]ⱼⱼ, and corrects the remaining weights. Best quality.",
          ],
        },
      ),
    ),
  sparsity: z
    .union([
      z
        .string()
        .regex(SPARSITY_WORD, SPARSITY_WRONG)
        .refine((word) => patternOf(word) !== null, SPARSITY_WRONG)
        .meta({ patternErrorMessage: SPARSITY_WRONG }),
      z.number().gt(0, SPARSITY_WRONG).lt(1, SPARSITY_WRONG),
    ])
    .optional()
    .meta(
      about(
        "What to delete",
        '`"2:4"` (default) keeps 2 of every 4 consecutive weights of a row: NVIDIA GPUs from Ampere on run it faster ' +
          "with TensorRT-LLM or PyTorch's semi-structured tensors. M must divide the input size of all seven matrices. " +
          '`"50%"` or `0.5` deletes that share wherever it hurts least: better quality, no common runtime is faster. ' +
          "In the paper, LLaMA-3-8B (dense 6.14) with SparseGPT and rotation has perplexity 7.60 at 50 % and 10.01 " +
          "at 2:4.",
        { default: "2:4", examples: ["2:4", "4:8", "50%"] },
      ),
    ),
  sparsityProfile: path
    .optional()
    .meta(
      about(
        "How a share is spread over the layers",
        "`uniform` (default): every layer the same. `owl`: layers with more outliers among their Wanda scores keep " +
          "more, within about 8 points of the share asked for (OWL); takes one more pass over the model and a method " +
          "that calibrates. Or a JSON file with one ratio for each layer, relative to this file. The total is exact. " +
          "Only for a share, not for N:M.",
        { default: "uniform", examples: ["uniform", "owl", "./ratios.json"] },
      ),
    ),
  damping: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .meta(
      about(
        "Damping of the Hessian",
        "Added to the diagonal before inversion, relative to its mean. Default 0.01, the paper's. It is raised where a " +
          "Hessian is not positive definite, and the report says so.",
        { default: 0.01 },
      ),
    ),
  blockSize: count(1)
    .optional()
    .meta(
      about("Columns SparseGPT prunes at a time", "Default 128, the paper's; a multiple of M.", {
        default: 128,
      }),
    ),
};
