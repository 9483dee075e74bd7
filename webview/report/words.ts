/** The report's sentences: what figures mean and what they do not. Plain functions of the report, so tests can read them. */
import type { Recipe, RunReport } from "../../daemon/report.ts";
import type { Pattern } from "../../daemon/vocabulary.ts";
import { format } from "../charts/index.ts";
import { type Fact, isRotated } from "../words.ts";

/** What the written checkpoint gives and what it does not. */
export function consequences(report: RunReport): Fact[] {
  const { recipe, total } = report;
  const sameSize: Fact = {
    term: "On disk",
    words:
      `An ordinary dense checkpoint with zeros in it: ${format.bytes(total.bytes)}, no smaller than before. ` +
      `Packed (kept values and their positions) the pruned matrices would take about ${format.bytes(total.packedBytes)}; that is an estimate, nothing packed was written.`,
  };
  return [sameSize, speed(recipe.pattern), loading(report), quality(recipe)];
}

function speed(pattern: Pattern): Fact {
  const is24 = pattern.kind === "nm" && pattern.keep === 2 && pattern.of === 4;
  return {
    term: "Speed",
    words: is24
      ? "2:4 is the one pattern that NVIDIA GPUs since Ampere multiply faster, and only in a runtime that packs the weights first: TensorRT-LLM, or PyTorch's semi-structured sparsity. " +
        "vLLM has dropped its 2:4 path. Loaded anywhere else the model runs at dense speed."
      : "No mainstream GPU runtime multiplies this pattern faster than a dense matrix. What it gives is zeros: for compression, for engines on CPUs that skip them, for research. For GPU speed prune 2:4.",
  };
}

function loading(report: RunReport): Fact {
  const { rotation } = report.recipe;
  const plain =
    "Loads wherever the original does. No sparsity_config is written, because runtimes without a sparse path refuse to load one.";
  switch (rotation.kind) {
    case "none":
    case "global":
      return { term: "Loading", words: plain };
    case "layer":
    case "every": {
      const added = report.total.boundaryParameters;
      const share = added / report.source.parameters;
      return {
        term: "Loading",
        words:
          `Where the rotation changes between layers the checkpoint holds a matrix that a plain model class does not know: ${format.count(added)} parameters, ${format.percent(share)} more. ` +
          "Transformers loads it with trust_remote_code and the modelling file beside it. For a plain checkpoint without that cost rotate globally.",
      };
    }
    default:
      return rotation satisfies never;
  }
}

function quality(recipe: Recipe): Fact {
  return {
    term: "Quality",
    words: isRotated(recipe)
      ? "Perplexity on one text is not task accuracy, and rotation does not help every model on every task. Evaluate on what you will use the model for, with the unrotated run beside it."
      : "Perplexity on one text is not task accuracy. Evaluate on what you will use the model for.",
  };
}

/** The self-test as a sentence, and whether it passed. */
export function selfTestWords(report: RunReport): {
  readonly passed: boolean;
  readonly words: string;
} {
  const { maxAbsDifference, maxAbsLogit, tolerance, reopened } = report.selfTest;
  const passed = maxAbsDifference <= tolerance;
  const exact = (v: number): string => (v === 0 ? "0" : v.toExponential(1).replace("-", "\u2212"));
  const logits = isRotated(report.recipe)
    ? `Logits of the rotated, unpruned model against the dense one: largest difference ${exact(maxAbsDifference)}, allowed ${exact(tolerance)}; the largest logit is ${maxAbsLogit.toFixed(1)}.`
    : "Nothing was rotated, so there were no logits to compare.";
  return {
    passed,
    words: `${logits} The written folder was opened again: ${format.count(reopened.tensors)} tensors, ${format.count(reopened.zeros)} zeros; its logits differ by at most ${exact(reopened.maxAbsDifference)} from those computed while pruning (rounding; allowed ${exact(reopened.tolerance)}).`,
  };
}
