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

export function troubleOf({ code, message }: Pick<DaemonError, "code" | "message">): Trouble {
  const own = OWN_WORDS[code];
  if (own) return { message: own.message ?? message, field: own.field };
  if (code === "recipe/bad-option") return ofOption(message);
  return { message, field: fieldOf(code, message) };
}

/** `recipe: sparsity: Give …`, which under the field of the option is the sentence alone. */
function ofOption(message: string): Trouble {
  const [, option = "", sentence = message] = /^recipe: (\w+): (.*)$/s.exec(message) ?? [];
  const field = OPTION_FIELD[option] ?? null;
  return { message: field === null ? message : sentence, field };
}

function fieldOf(code: string, message: string): Field | null {
  if (code.startsWith("method/pattern-")) return "sparsity";
  if (code.startsWith("checkpoint/output-")) return "out";
  if (code.startsWith("backend/") || code === "pipeline/not-enough-memory") return "device";
  if (code.startsWith("text/") && !code.startsWith("text/tokenizer-")) return "calibration";
  const option = /^([a-zA-Z]+):/.exec(message)?.[1];
  return OPTION_FIELD[option ?? ""] ?? null;
}

const OPTION_FIELD: Readonly<Record<string, Field>> = {
  sparsity: "sparsity",
  rotation: "rotation",
  calibration: "calibration",
  out: "out",
  device: "device",
  text: "evaluation",
};
