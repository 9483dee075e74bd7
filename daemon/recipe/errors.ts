import { coded, type DenoiseError } from "../errors.ts";
import { key, text } from "../wording.ts";

const input = coded("recipe", "input");
const usage = coded("recipe", "usage");

export const unreadable = (file: string, cause: unknown): DenoiseError =>
  input(
    "unreadable",
    `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}. Check its path and permissions.`,
    cause,
  );

export const tooLarge = (file: string, limit: number): DenoiseError =>
  input("too-large", `${file} is larger than ${limit} bytes: that is no recipe.`);

export const notJson = (file: string, cause: unknown): DenoiseError =>
  input(
    "not-json",
    `${file} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
    cause,
  );

/** @param path of the option, e.g. `evaluation.text`; empty for the recipe as a whole */
export const badOption = (where: string, path: string, what: string): DenoiseError =>
  usage("bad-option", path === "" ? `${where}: ${what}.` : text`${where}: ${key(path)}: ${what}.`);

export const relativePath = (option: string, path: string): DenoiseError =>
  usage(
    "relative-path",
    text`${key(option)}: ${JSON.stringify(path)} is relative, and there is no folder to take it from. Give an absolute
      path.`,
  );
