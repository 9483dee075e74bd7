/** Single option values, from the text of the command line to the types of the rooms behind it. */
import { parseSize } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import type { ProfileChoice } from "../pipeline/index.ts";
import type { RotationScope } from "../report.ts";
import type { Pattern } from "../vocabulary.ts";
import { badOption } from "./errors.ts";

/** Reads the value of option `flag`. @throws cli/bad-option, which says what is allowed */
export type Parse<T> = (flag: string, text: string) => T;

export const oneOf =
  <T extends string>(...allowed: readonly T[]): Parse<T> =>
  (flag, text) => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw badOption(flag, text, `one of ${allowed.join(", ")}`);
    return found;
  };

/** One or more, separated by commas, each once. */
export const listOf =
  <T>(item: Parse<T>): Parse<readonly T[]> =>
  (flag, text) => [...new Set(text.split(",").map((part) => item(flag, part.trim())))];

export const wholeNumber =
  (least: number, most: number): Parse<number> =>
  (flag, text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw badOption(flag, text, `a whole number from ${least} to ${most}`);
    }
    return value;
  };

/** Decimal or scientific notation, above 0 and at most `most`. */
export const positiveNumber =
  (most: number): Parse<number> =>
  (flag, text) => {
    const value = decimal(text);
    if (!(value > 0 && value <= most)) {
      throw badOption(flag, text, `a number above 0 and at most ${most}`);
    }
    return value;
  };

const LARGEST_GROUP = 4096;

/** `0.5` and `50%` delete a share of the weights; `2:4` keeps 2 of every 4. */
export const pattern: Parse<Pattern> = (flag, text) => {
  const groups = /^(\d+):(\d+)$/.exec(text);
  if (groups) {
    const [keep, of] = [Number(groups[1]), Number(groups[2])];
    if (keep < 1 || keep >= of || of > LARGEST_GROUP) {
      throw badOption(flag, text, `N:M with 1 ≤ N < M ≤ ${LARGEST_GROUP} (2:4 keeps 2 of every 4)`);
    }
    return { kind: "nm", keep, of };
  }
  const share = text.endsWith("%") ? decimal(text.slice(0, -1)) / 100 : decimal(text);
  if (!(share > 0 && share < 1)) {
    throw badOption(flag, text, "a share to delete such as 0.5 or 50%, or N:M such as 2:4");
  }
  return { kind: "unstructured", share };
};

/** `uniform`, `owl`, or the file that holds a ratio for each layer. */
export const profile: Parse<ProfileChoice> = (flag, text) => {
  if (text === "uniform" || text === "owl") return { kind: text };
  if (text === "")
    throw badOption(flag, text, "uniform, owl or a JSON file with a ratio per layer");
  return { kind: "file", path: text };
};

export const rotation: Parse<RotationScope> = (flag, text) => {
  switch (text) {
    case "layer":
    case "global":
    case "none":
      return { kind: text };
  }
  const layers = /^every:(\d{1,6})$/.exec(text);
  if (!layers || Number(layers[1]) < 1) {
    throw badOption(flag, text, "layer, every:K (K layers share one rotation), global or none");
  }
  return { kind: "every", layers: Number(layers[1]) };
};

/** Bytes of `5GB`, `500 MiB`, `1000000`. */
export const size: Parse<number> = (flag, text) => {
  try {
    return parseSize(text);
  } catch (error) {
    if (!(error instanceof DenoiseError)) throw error;
    throw badOption(flag, text, "a size such as 5GB, 500MiB or 1000000");
  }
};

/** NaN for anything but a plain number: `Number` alone also takes hexadecimals and the empty string. */
const decimal = (text: string): number =>
  /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
