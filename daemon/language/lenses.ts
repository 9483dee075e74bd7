/** Actions above a recipe or a checkpoint's config: carried out by the client. */
import type { CodeLens } from "vscode-languageserver";
import { COMMANDS, type LensArgument } from "../protocol/editor.ts";
import type { Place } from "./documents.ts";

export function codeLenses({ kind, file, folder }: Place): CodeLens[] {
  const argument: LensArgument = kind === "recipe" ? { file } : { checkpoint: folder };
  const lens = (title: string, command: string): CodeLens => ({
    range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
    command: { title, command, arguments: [argument] },
  });
  return [
    lens("Prune", COMMANDS.prune),
    lens("Dry run", COMMANDS.dryRun),
    lens("Open heatmaps", COMMANDS.openHeatmaps),
  ];
}
