/** The text on which importance is measured. */
import { z } from "zod";
import { about, files, count } from "./fields.ts";

export const calibrationOptions = {
  calibration: files
    .optional()
    .meta(
      about(
        "Calibration text",
        "Files like what the model was trained on: plain text, JSONL or Parquet, also `.gz`; relative to this file. " +
          "Default: `calibration.txt` (`.jsonl`, `.jsonl.gz`, `.parquet`) in the checkpoint's folder. The paper takes C4: " +
          "`c4` and `wikitext2` are fetched from the Hugging Face Hub once.",
        { defaultSnippets: [{ label: '"./calibration.txt"', body: "./${1:calibration.txt}" }] },
      ),
    ),
  field: z
    .string()
    .min(1)
    .optional()
    .meta(
      about("Text field", "Field of JSONL and Parquet rows that holds the text. Default `text`.", {
        default: "text",
      }),
    ),
  samples: count(1)
    .optional()
    .meta(
      about(
        "Calibration windows",
        "Default 128, the paper's. More cost time and disk in proportion and help little beyond.",
        { default: 128 },
      ),
    ),
  seqLen: count(2)
    .optional()
    .meta(
      about(
        "Tokens in a calibration window",
        "Default 2048, the paper's; cut to the model's context.",
        { default: 2048 },
      ),
    ),
  sampling: z
    .enum(["random", "sequential"])
    .optional()
    .meta(
      about(
        "How windows are chosen",
        "`random` (default): SparseGPT's and Wanda's way. `sequential`: from the start of the text.",
        { default: "random" },
      ),
    ),
  seed: z
    .int()
    .min(0)
    .optional()
    .meta(
      about(
        "Seed",
        "Of everything random. Default 0. The same seed on the same device gives the same bytes.",
        {
          default: 0,
        },
      ),
    ),
};
