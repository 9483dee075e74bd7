/** What can be chosen by card, in the words of a person; the values are those of recipe files. */
import type { PruneMethod } from "../../daemon/vocabulary.ts";
import type { Option } from "./controls.ts";
import type { Effort } from "./messages.ts";

export const METHODS: readonly Option<PruneMethod>[] = [
  {
    value: "sparsegpt",
    label: "SparseGPT",
    detail: "Corrects the weights that stay. Best quality.",
  },
  {
    value: "wanda",
    label: "Wanda",
    detail: "Weights times activations. Faster, no correction.",
  },
  {
    value: "magnitude",
    label: "Magnitude",
    detail: "Smallest weights go. Needs no text, loses most.",
  },
];

export const PATTERNS: readonly Option<string>[] = [
  { value: "2:4", label: "2:4", detail: "Keeps 2 of every 4. GPUs can run it faster." },
  { value: "4:8", label: "4:8", detail: "Keeps 4 of every 8." },
  { value: "50%", label: "50 %", detail: "Wherever it hurts least. Better quality." },
];

export const ROTATIONS: readonly Option<string>[] = [
  {
    value: "layer",
    label: "Each layer",
    detail: "Best quality; adds 6.5 % parameters at 8B.",
  },
  {
    value: "global",
    label: "One for all",
    detail: "Output stays a plain checkpoint for every engine.",
  },
  { value: "none", label: "None", detail: "Plain pruning, for comparing." },
];

export const EFFORT_CARDS: readonly Option<Effort>[] = [
  { value: "fast", label: "Fast", detail: "50 steps, 32 windows. To try things." },
  { value: "balanced", label: "Balanced", detail: "200 steps, 128 windows." },
  { value: "thorough", label: "Thorough", detail: "600 steps. Pays off at 2:4." },
];
