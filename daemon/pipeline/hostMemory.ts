/** What the process holds beside its device's tensors, term by term. */
import type { DeviceName } from "../backend/index.ts";
import { regroupShares } from "../method/index.ts";
import type { LayerShape } from "../vocabulary.ts";
import { windowsPerBatch } from "./batches.ts";
import { total, type Terms } from "./deviceMemory.ts";
import { CHUNK_ELEMENTS } from "./ends.ts";
import { layerElements } from "./estimate.ts";
import { TEST_TOKENS } from "./selfTest.ts";

export interface HostUse {
  readonly shape: LayerShape;
  readonly vocabulary: number;
  readonly seqLen: number;
  /** As the checkpoint and the output store a weight, bytes: the wider of the two. */
  readonly weightBytes: number;
  readonly device: DeviceName;
  /** Of the files that are read, as they lie on disk. */
  readonly texts: TextBytes;
  /** Whether columns are regrouped, and not by the device itself. */
  readonly regroups: boolean;
}

export interface TextBytes {
  readonly calibration: number;
  /** Evaluation texts and the data of tasks. */
  readonly scored: number;
}

/** The program with its libraries, and what JavaScript has not collected yet. */
const PROGRAM_BYTES = 165e6;
/** Of a byte of text that is made tokens as a whole: words, tokens and ids, of which two bytes are one at the least. */
const PER_TEXT_BYTE = 90;
/** Texts of which windows are cut leave no more than that before it is collected. */
const UNCOLLECTED_BYTES = 60e6;
/** Driver, cuBLAS, NVRTC and the page-locked rings of `cuda`. */
const CUDA_BYTES = 30e6;
/** Batches under way between file and device, in both directions. */
const BATCHES = 5;

function hostTerms(use: HostUse): Terms {
  const { shape, vocabulary, seqLen, weightBytes, device, texts, regroups } = use;
  const layer = weightBytes * layerElements(shape);
  const widest = weightBytes * shape.d * shape.ffn;
  const common = {
    program: PROGRAM_BYTES,
    "texts for calibration": Math.min(UNCOLLECTED_BYTES, PER_TEXT_BYTE * texts.calibration),
    "texts that are scored": PER_TEXT_BYTE * texts.scored,
    // Once as they are read, twice in the search.
    "shares of columns": regroups ? 3 * 4 * regroupShares(shape) : 0,
    batches: BATCHES * 4 * windowsPerBatch({ seqLen, ...shape }) * seqLen * shape.d,
    "rows of the ends": 1.5 * 4 * Math.min(CHUNK_ELEMENTS, vocabulary * shape.d),
    "logits of the self-test": 3 * 4 * TEST_TOKENS * vocabulary,
  };
  return device === "cuda"
    ? { ...common, libraries: CUDA_BYTES, "layer read ahead": layer, "layer to be written": layer }
    : { ...common, "matrix as it is stored, read and written": 2 * widest };
}

export const hostMemory = (use: HostUse): number => Math.ceil(total(hostTerms(use)));
