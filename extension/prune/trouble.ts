/** Which control of the form a failed plan is about, and in the form's words. */
import type { DaemonError } from "../errors.ts";
import type { Trouble } from "../../webview/form/messages.ts";

type Field = NonNullable<Trouble["field"]>;

/** Where the daemon's words are not the form's. */
const OWN_WORDS: Readonly<
  Record<string, { readonly field: Field | null; readonly message?: string }>
> = {
  "pipeline/no-calibration": {
    field: "calibration",
    message:
      "Choose a calibration text: plain text, JSONL or Parquet, like what the model was trained on. Magnitude needs none.",
  },
  "pipeline/unfinished-run": {
    field: "out",
    message:
      "An unfinished run for this folder is there. Start to continue it, or choose another folder.",
  },
  "pipeline/already-rotated": {
    field: null,
    message:
      "This is an output with rotations between its layers. Start from the checkpoint it was made of.",
  },
  "pipeline/not-enough-disk": { field: "out" },
  "pipeline/run-in-progress": { field: "out" },
  "jobs/output-in-use": { field: "out" },
};

/** @param error `option` by its path in a recipe, where it is about one */
export function troubleOf(
  error: Pick<DaemonError, "code" | "message"> & { readonly option?: string | undefined },
): Trouble {
  const { code, message, option = "" } = error;
  const own = OWN_WORDS[code];
  if (own) return { message: own.message ?? message, field: own.field };
  const field = OPTION_FIELD[option.split(".")[0] ?? ""] ?? fieldOf(code);
  // `recipe: sparsity: Give …`, which under the field of the option is the sentence alone.
  const named = `recipe: ${option}: `;
  const alone = field !== null && message.startsWith(named);
  return { message: alone ? message.slice(named.length) : message, field };
}

function fieldOf(code: string): Field | null {
  if (code.startsWith("method/pattern-")) return "sparsity";
  if (code.startsWith("checkpoint/output-")) return "out";
  if (code.startsWith("backend/") || code === "pipeline/not-enough-memory") return "device";
  if (code.startsWith("text/") && !code.startsWith("text/tokenizer-")) return "calibration";
  return null;
}

const OPTION_FIELD: Readonly<Record<string, Field>> = {
  sparsity: "sparsity",
  rotation: "rotation",
  calibration: "calibration",
  out: "out",
  device: "device",
  evaluation: "evaluation",
};
