/** How the output is stored, and what computes it. */
import { z } from "zod";
import { about, deviceWord } from "./fields.ts";
import { bytesOf, SIZE_WORD } from "./words.ts";

export const outputOptions = {
  dtype: z
    .enum(["keep", "bf16", "f16", "f32"])
    .optional()
    .meta(
      about(
        "Number format of the output",
        "Default `keep`: as the input. All work is done in float32.",
        {
          default: "keep",
        },
      ),
    ),
  maxShardSize: z
    .union([
      z
        .string()
        .regex(SIZE_WORD)
        .refine((size) => bytesOf(size) !== null)
        .meta({ patternErrorMessage: 'Give a size such as "5GB", "500MiB" or 1000000.' }),
      z.int().min(1),
    ])
    .optional()
    .meta(
      about("Largest weight file", 'Bytes, or a size such as `"5GB"` (default) or `"500MiB"`.', {
        default: "5GB",
      }),
    ),
  device: deviceWord
    .optional()
    .meta(
      about(
        "Device",
        "`auto` (default) takes the best there is; *Show Devices* lists them. `cuda`: NVIDIA; `cuda:1` is the " +
          "second GPU, `cuda:0,1` two at once. `tensorflow`: an installed tfjs-node-gpu. `webgpu`: any GPU. `wasm`: the processor.",
        { default: "auto" },
      ),
    ),
};
