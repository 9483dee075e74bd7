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

export const cancelled = (): DenoiseError => coded("tiles", "cancelled")("cancelled", "Cancelled.");
