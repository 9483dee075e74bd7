/** Everything that can be wrong with a command line, and how a command that was stopped ends. */
import { coded } from "../errors.ts";
import type { DenoiseError } from "../errors.ts";

const usage = coded("cli", "usage");

export const badOption = (flag: string, value: string, allowed: string): DenoiseError =>
  usage("bad-option", `${flag} ${JSON.stringify(value)} is not allowed: give ${allowed}.`);

export const needsOption = (flag: string, needed: string): DenoiseError =>
  usage("needs-option", `${flag} has no meaning without ${needed}: add it, or leave ${flag} out.`);

export const contradiction = (one: string, other: string, why: string): DenoiseError =>
  usage("contradiction", `${one} and ${other} exclude each other: ${why}.`);

export const nothingToMeasure = (): DenoiseError =>
  usage(
    "nothing-to-measure",
    "Nothing to measure: give --text <file> for perplexity, --tasks <names> for accuracy, or both.",
  );

/** What the argument parser itself refuses: unknown options and commands, missing arguments. */
export const badUsage = (message: string, help: string): DenoiseError =>
  usage("usage", `${message} See "${help}".`);

export const noSuchTensor = (name: string, near: readonly string[]): DenoiseError =>
  coded("cli", "input")(
    "no-such-tensor",
    `There is no tensor ${JSON.stringify(name)} in this checkpoint. ` +
      (near.length === 0
        ? "Leave --tensor out to see all names."
        : `Near it: ${near.map((n) => JSON.stringify(n)).join(", ")}.`),
  );

export const sampleMissing = (file: string): DenoiseError =>
  coded("cli", "failed")(
    "sample-missing",
    `${file} is missing: the bundled sample is not complete. Fetch the repository again, or make it anew with ` +
      `"node scripts/sample/make.mjs".`,
  );

export const cancelled = (): DenoiseError => coded("cli", "cancelled")("cancelled", "Stopped.");
