/** Everything that can go wrong between a hub and the disk, each with what to do about it. */
import { formatBytes } from "../checkpoint/index.ts";
import { coded } from "../errors.ts";
import type { DenoiseError } from "../errors.ts";
import { action, text, type Text } from "../wording.ts";

const usage = coded("hub", "usage");
const input = coded("hub", "input");
const failed = coded("hub", "failed");

/** What a message has to know about the repository it is about. */
export interface Subject {
  readonly type: "model" | "dataset";
  /** `organisation/name` */
  readonly name: string;
  /** Branch, tag or commit, as asked for. */
  readonly revision: string;
  /** Where people see the repository. */
  readonly page: string;
  /** What to do without a network: a whole sentence that names the files and where to put them. */
  readonly byHand: Text;
  readonly hasToken: boolean;
}

const GIVE_TOKEN = text`give a token that can read it, ${action("giveToken")}`;
const AGAIN = "Begun again, the download goes on from there.";
const shown = (text: string): string => JSON.stringify(text.slice(0, 200));
const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

// ── What was asked for ──────────────────────────────────────────────────────────────────────────────────────────

export const badRepository = (text: string): DenoiseError =>
  usage(
    "bad-repository",
    `${shown(text)} does not name a repository: give <organisation>/<name>, or <organisation>/<name>@<revision> with ` +
      "a branch, tag or commit.",
  );

export const badEndpoint = (text: string): DenoiseError =>
  usage(
    "bad-endpoint",
    `The hub's address ${shown(text)} is not an http or https address: correct HF_ENDPOINT.`,
  );

/** Never shows the token. */
export const badToken = (origin: string): DenoiseError =>
  usage(
    "bad-token",
    `The token from ${origin} cannot be one: it has spaces, line breaks or other characters that no token has.`,
  );

export const noEvaluationText = (name: string, reason: string): DenoiseError =>
  usage("no-evaluation-text", `${name} is for calibration: ${reason} Give wikitext2, or a file.`);

export const noTaskData = (subject: Subject, split: string): DenoiseError =>
  failed(
    "no-task-data",
    text`${subject.page} holds no single ${split} part in the form that is looked for. ${subject.byHand}`,
  );

// ── What the hub says ───────────────────────────────────────────────────────────────────────────────────────────

export const repositoryMissing = (subject: Subject): DenoiseError =>
  input(
    "repository-missing",
    subject.hasToken
      ? `The hub has no ${subject.type} ${subject.name}, or it is private and the account of your token cannot see it. ` +
          "Check the name and, on its page, the account's access."
      : text`The hub has no ${subject.type} ${subject.name}, or it is private. Check the name; if it is private,
          ${GIVE_TOKEN}.`,
  );

export const revisionMissing = ({ name, revision }: Subject): DenoiseError =>
  input(
    "revision-missing",
    `${name} has no branch, tag or commit ${shown(revision)}. Check it, or leave out @${revision}.`,
  );

export const fileMissing = ({ name, revision }: Subject, file: string): DenoiseError =>
  input(
    "file-missing",
    `${name} has no file ${file} at ${revision}: its layout has changed. Fetch the file by hand and give its path.`,
  );

export const gated = (subject: Subject): DenoiseError =>
  input(
    "gated",
    text`${subject.name} is gated: its owner wants you to accept conditions first. Do that on ${subject.page}${
      subject.hasToken
        ? " with the account of your token, wait until access is granted, and start again"
        : text`, then ${GIVE_TOKEN}`
    }.`,
  );

export const tokenRefused = (subject: Subject): DenoiseError =>
  input(
    "token-refused",
    `The hub does not accept your token for ${subject.name}: it is wrong, expired or not allowed to read this. ` +
      "Make a new one with read access, or leave it out for what is public.",
  );

export const offline = (subject: Subject, reason: string, cause?: unknown): DenoiseError =>
  failed("offline", text`The hub cannot be reached (${reason}). ${subject.byHand}`, cause);

export const unavailable = (subject: Subject, status: number): DenoiseError =>
  failed(
    "unavailable",
    `The hub answers ${subject.name} with status ${status}, again and again. Try later. ${AGAIN}`,
  );

export const unexpected = (subject: Subject, detail: string, cause?: unknown): DenoiseError =>
  failed(
    "unexpected-answer",
    text`The hub's answer about ${subject.name} is not understood: ${detail}. Try again; if it stays so, fetch the files
      by hand. ${subject.byHand}`,
    cause,
  );

// ── What is in the repository ───────────────────────────────────────────────────────────────────────────────────

export const noConfig = ({ name, revision }: Subject): DenoiseError =>
  input(
    "no-config",
    `${name} has no config.json at ${revision}: it is no model in the layout of transformers (an adapter, GGUF or ` +
      "another program's format). Give the repository of the base model.",
  );

export const noWeights = ({ name, revision }: Subject, pickled: string | undefined): DenoiseError =>
  input(
    "no-weights",
    pickled === undefined
      ? `${name} has no .safetensors weights at ${revision}. Give a repository or revision that has them.`
      : `${name} has its weights only as PyTorch pickle (${pickled}) at ${revision}; those can run any code when they ` +
          "are opened and are not fetched. Give a revision with .safetensors files (often @refs/pr/<number>), or " +
          "another repository of the model.",
  );

export const ambiguousWeights = ({ name }: Subject, names: readonly string[]): DenoiseError =>
  input(
    "ambiguous-weights",
    `${name} has ${names.length} .safetensors files (${names.slice(0, 4).join(", ")}${names.length > 4 ? ", …" : ""}) ` +
      "but neither model.safetensors nor an index: which of them are the model cannot be told. Fetch the right ones " +
      "by hand.",
  );

export const badIndex = ({ name }: Subject, file: string, detail: string): DenoiseError =>
  input(
    "bad-index",
    `${file} of ${name} is no usable shard index: ${detail}. Tell the model's owner, or give another revision.`,
  );

// ── The folder and the disk ─────────────────────────────────────────────────────────────────────────────────────

export const folderTaken = (folder: string): DenoiseError =>
  input(
    "folder-taken",
    `${folder}: holds files that were not downloaded by this command. Give a new or empty folder with --out.`,
  );

export const otherModel = (folder: string, have: string, want: string): DenoiseError =>
  input("other-model", `${folder}: holds ${have}, not ${want}. Give another folder with --out.`);

export const otherCommit = (
  folder: string,
  { name, revision }: Subject,
  have: string,
  want: string,
): DenoiseError =>
  input(
    "other-commit",
    `${folder}: holds ${name} at commit ${have}, but ${revision} is now ${want}. Give another folder with --out, or ` +
      `complete this one with ${name}@${have}.`,
  );

export const diskFull = (folder: string, needed: number, free: number): DenoiseError =>
  failed(
    "disk-full",
    `${folder}: ${formatBytes(needed)} are still to be downloaded and ${formatBytes(free)} are free. ` +
      "Make room, or give a folder on another disk.",
  );

export const unwritable = (path: string, cause: unknown): DenoiseError =>
  failed(
    "unwritable",
    `${path}: cannot be written (${reasonOf(cause)}). Check permissions and free space.`,
    cause,
  );

export const unreadable = (path: string, cause: unknown): DenoiseError =>
  input(
    "unreadable",
    `${path}: cannot be read (${reasonOf(cause)}). Check its permissions.`,
    cause,
  );

// ── The transfer ────────────────────────────────────────────────────────────────────────────────────────────────

export const corrupt = ({ name }: Subject, file: string): DenoiseError =>
  failed(
    "corrupt",
    `${file} of ${name} arrived twice with a wrong checksum: something between here and the hub changes it (a proxy, ` +
      "a virus scanner, bad memory). It was thrown away; try over another network.",
  );

export const interrupted = (
  { name }: Subject,
  file: string,
  done: number,
  size: number,
  cause: unknown,
): DenoiseError =>
  failed(
    "interrupted",
    `The connection broke again and again while ${file} of ${name} arrived (${formatBytes(done)} of ` +
      `${formatBytes(size)} are kept). ${AGAIN}`,
    cause,
  );

export const cancelled = (): DenoiseError =>
  coded("hub", "cancelled")("cancelled", `Stopped. ${AGAIN}`);
