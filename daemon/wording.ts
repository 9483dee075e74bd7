/**
 * Texts that name options and actions without saying how they are given. On the command line that is a flag, in an
 * editor a field of the form, a key of the recipe or a command: a text is written once, with mentions in it, and is
 * put into words where it is shown. All words are here.
 */

/** Options of a run by their path in a recipe, with what stands for them in a sentence of the editor. */
const OPTIONS = {
  out: "output folder",
  device: "device",
  rotation: "rotation",
  sparsity: "sparsity",
  sparsityProfile: "sparsity of the layers",
  steps: "steps",
  learningRate: "learning rate",
  damping: "damping",
  blockSize: "block size",
  calibration: "calibration text",
  field: "text field",
  samples: "calibration windows",
  seqLen: "tokens in a window",
  seed: "seed",
  "tasks.data": "data of the tasks",
} as const;
export type OptionName = keyof typeof OPTIONS;

const ACTIONS = {
  resume: { terminal: "run the same command with --resume", editor: "resume the run" },
  startAnew: { terminal: "run without --resume", editor: "start a new run" },
  showDevices: { terminal: "`denoise-rotator devices`", editor: "“Show Devices”" },
  giveToken: {
    terminal: "with --token, in HF_TOKEN, or by logging in with the hub's own command",
    editor: "in HF_TOKEN where the editor is started, or by logging in with the hub's own command",
  },
} as const;
export type ActionName = keyof typeof ACTIONS;

export type Mention =
  /** In a sentence, with a value where one is meant: `--device wasm`, device “wasm”. */
  | { readonly is: "option"; readonly name: OptionName; readonly value?: string }
  /** Before a colon: `--seq-len`, `seqLen`. */
  | { readonly is: "label"; readonly name: OptionName }
  /** A place in a recipe, as it is spelled there: `evaluation.text`. */
  | { readonly is: "key"; readonly path: string }
  /** How it is given: `with --calibration <file>`, as `calibration` in a recipe. */
  | { readonly is: "given"; readonly name: OptionName; readonly what: string }
  | { readonly is: "action"; readonly name: ActionName; readonly first: boolean };

export type Text = string | readonly (string | Mention)[];

/** How the mentions of a text are worded. */
export type Words = (mention: Mention) => string;

export const option = (name: OptionName, value?: string): Mention =>
  value === undefined ? { is: "option", name } : { is: "option", name, value };
export const label = (name: OptionName): Mention => ({ is: "label", name });
export const key = (path: string): Mention => ({ is: "key", path });
export const given = (name: OptionName, what: string): Mention => ({ is: "given", name, what });
export const action = (name: ActionName): Mention => ({ is: "action", name, first: false });
/** At the beginning of a sentence. */
export const firstAction = (name: ActionName): Mention => ({ is: "action", name, first: true });

/**
 * A template with mentions and other texts in it: ``text`Choose another ${option("device")}.` ``. A line break in it is
 * one of the source, and a space in the text.
 */
export function text(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Mention | Text)[]
): Text {
  const parts = strings.flatMap((part, i): (string | number | Mention | Text)[] => [
    part.replaceAll(/\s*\n\s*/g, " "),
    values[i] ?? "",
  ]);
  return parts.flatMap((part) => (typeof part === "number" ? String(part) : part));
}

/** The option that a text is about, by its path in a recipe: the first that stands in it as a label or key. */
export function subjectOf(text: Text): string | null {
  for (const part of text) {
    if (typeof part === "string") continue;
    if (part.is === "label") return part.name;
    if (part.is === "key") return part.path;
  }
  return null;
}

export const inWords = (text: Text, words: Words): string =>
  typeof text === "string"
    ? text
    : text.map((part) => (typeof part === "string" ? part : words(part))).join("");

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `maxShardSize` → `--max-shard-size` */
export const asFlag = (name: string): string =>
  `--${name.replaceAll(/(?=[A-Z])/g, "-").toLowerCase()}`;

/** One word of a command line as a POSIX shell reads it. */
export const shellWord = (word: string): string =>
  /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

const flagOf = (name: OptionName): string => asFlag(name === "tasks.data" ? "taskData" : name);

/** For a person at the command line. */
export const terminalWords: Words = (mention) => {
  switch (mention.is) {
    case "option":
      return flagOf(mention.name) + (mention.value === undefined ? "" : ` ${mention.value}`);
    case "label":
      return flagOf(mention.name);
    case "key":
      return mention.path;
    case "given":
      return `with ${flagOf(mention.name)} <${mention.what}>`;
    case "action": {
      const { terminal } = ACTIONS[mention.name];
      return mention.first ? capital(terminal) : terminal;
    }
    default:
      return mention satisfies never;
  }
};

/** For a person in an editor, who has a form, recipes and commands. */
export const editorWords: Words = (mention) => {
  switch (mention.is) {
    case "option":
      return OPTIONS[mention.name] + (mention.value === undefined ? "" : ` “${mention.value}”`);
    case "label":
      return mention.name;
    case "key":
      return mention.path;
    case "given":
      return `as ${mention.name} in a recipe`;
    case "action": {
      const { editor } = ACTIONS[mention.name];
      return mention.first ? capital(editor) : editor;
    }
    default:
      return mention satisfies never;
  }
};
