/** The words of a recipe that stand for more than themselves: `"2:4"`, `"every:4"`, `"5GB"`. */
import type { DeviceRequest } from "../backend/index.ts";
import { parseSize } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import type { ProfileChoice } from "../pipeline/index.ts";
import type { RotationScope } from "../report.ts";
import type { Pattern } from "../vocabulary.ts";

/** N:M with 1 ≤ N < M ≤ 4096, or a share as `50%` or `0.5`; checked further in {@link patternOf}. */
export const SPARSITY_WORD = /^([1-9]\d{0,3}:[1-9]\d{0,3}|(\d{1,2}(\.\d+)?|\.\d+)\s*%|0?\.\d+)$/;
export const ROTATION_WORD = /^(layer|global|none|every:[1-9]\d{0,5})$/;
export const SIZE_WORD = /^\d+(\.\d+)?\s*([kKmMgGtT]?i?[bB])?$/;

/** The backends' own list is not loaded for their names: TensorFlow.js would come with it. */
export const DEVICE_WORDS = {
  auto: "auto",
  cuda: "cuda",
  tensorflow: "tensorflow",
  webgpu: "webgpu",
  wasm: "wasm",
} as const satisfies { [D in DeviceRequest]: D };

/** Any other word than these two names a file. */
export const profileOf = (word: string): ProfileChoice =>
  word === "uniform" || word === "owl" ? { kind: word } : { kind: "file", path: word };

const LARGEST_GROUP = 4096;

/** @returns null where the word means no pattern: `4:2`, `0%` */
export function patternOf(word: string | number): Pattern | null {
  const groups = typeof word === "string" ? /^(\d+):(\d+)$/.exec(word) : null;
  if (groups) {
    const [keep, of] = [Number(groups[1]), Number(groups[2])];
    return keep >= 1 && keep < of && of <= LARGEST_GROUP ? { kind: "nm", keep, of } : null;
  }
  const share = shareOf(word);
  return share > 0 && share < 1 ? { kind: "unstructured", share } : null;
}

const shareOf = (word: string | number): number =>
  typeof word === "number"
    ? word
    : word.endsWith("%")
      ? Number(word.slice(0, -1)) / 100
      : Number(word);

/** `word` matches {@link ROTATION_WORD}. */
export function rotationOf(word: string): RotationScope {
  switch (word) {
    case "layer":
    case "global":
    case "none":
      return { kind: word };
    default:
      return { kind: "every", layers: Number(word.slice("every:".length)) };
  }
}

/** Bytes, or null where the text is no size. */
export function bytesOf(size: string | number): number | null {
  if (typeof size === "number") return size;
  try {
    return parseSize(size);
  } catch (error) {
    if (error instanceof DenoiseError) return null;
    throw error;
  }
}
