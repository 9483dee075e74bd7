import { coded, type DenoiseError } from "../errors.ts";

const input = coded("tiles", "input");
const usage = coded("tiles", "usage");

export const noSuchTensor = (root: string, name: string): DenoiseError =>
  input("no-such-tensor", `${root} has no tensor ${JSON.stringify(name)}.`);

export const notFloat = (name: string, dtype: string): DenoiseError =>
  input(
    "not-float",
    `Tensor ${JSON.stringify(name)} is stored as ${dtype}: only float tensors have a heatmap.`,
  );

export const badRange = (name: string, what: string, count: number): DenoiseError =>
  usage("bad-range", `${what} of tensor ${JSON.stringify(name)} are not within 0 to ${count}.`);

export const tooLarge = (): DenoiseError =>
  usage(
    "too-large",
    "Importance is computed for at most 256 × 256 weights at a time: ask for a smaller part.",
  );

/** @param places where it was looked for */
export const noDense = (places: readonly string[]): DenoiseError =>
  input(
    "no-dense",
    places.length === 0
      ? "This output does not say where its dense checkpoint is, because an earlier version wrote it and the daemon has no record of its run. Prune again to see the importance of single weights."
      : `Importance of single weights is computed from the dense checkpoint, which is no longer at ${places.join(" or ")}. Put it back there, or a link to it, and try again.`,
  );

export const badHeatmap = (path: string): DenoiseError =>
  input("bad-heatmap", `${path} is not what this version wrote: prune again for exact heatmaps.`);

export const cancelled = (): DenoiseError => coded("tiles", "cancelled")("cancelled", "Cancelled.");
