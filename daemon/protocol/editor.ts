/** What the language features name and the client carries out. */

/**
 * Commands of code lenses, with one argument {@link LensArgument}. The client registers them; the daemon only names
 * them.
 */
export const COMMANDS = {
  prune: "denoise-rotator.prune",
  dryRun: "denoise-rotator.dryRun",
  openHeatmaps: "denoise-rotator.openHeatmaps",
} as const;

/** A recipe file, or the folder of a checkpoint. */
export type LensArgument = { readonly file: string } | { readonly checkpoint: string };

/** `source` of diagnostics. Their `code` is that of the error, as in {@link ErrorData.code}, where it is one. */
export const DIAGNOSTIC_SOURCE = "DenoiseRotator";
