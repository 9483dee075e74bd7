/** What the options of a recipe are made of. */
import { z } from "zod";
import { GPU_NUMBERS } from "../vocabulary.ts";
import { DEVICE_WORDS } from "./words.ts";

/** No count of a recipe is larger. */
const MANY = 1_000_000;

export const count = (least: number) => z.int().min(least).max(MANY);

export const path = z.string().min(1);
export const files = z.union([path, z.array(path).min(1)]);

/** What a person is told of an option. */
export const about = (
  title: string,
  markdownDescription: string,
  more: Record<string, unknown> = {},
) => ({
  title,
  markdownDescription: `**${title}** \n\n${markdownDescription}`,
  ...more,
});

/** A device, or some of several NVIDIA GPUs: `cuda:1`, `cuda:0,1`. */
export const deviceWord = z.union(
  [z.enum(DEVICE_WORDS), z.templateLiteral(["cuda:", z.string().regex(GPU_NUMBERS)])],
  'Give "auto", "cuda", "cuda:1", "cuda:0,1", "tensorflow", "webgpu" or "wasm".',
);
