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

export const noDense = (): DenoiseError =>
  input(
    "no-dense",
    "The dense checkpoint of this run is not known here, because the run is not in the daemon's history.",
  );

export const badHeatmap = (path: string): DenoiseError =>
  input("bad-heatmap", `${path} is not what this version wrote: prune again for exact heatmaps.`);

export const cancelled = (): DenoiseError => coded("tiles", "cancelled")("cancelled", "Cancelled.");
