/** Evaluate Perplexity: of a checkpoint, on a text. */
import { basename, extname, join } from "node:path";
import { Uri, window } from "vscode";
import { EVALUATE } from "../../daemon/protocol.ts";
import { folderOf, namesIn } from "../checkpointFiles.ts";
import type { Host } from "../host.ts";
import type { Panels } from "../panels/index.ts";
import type { Runs } from "../runs/index.ts";
import { readSettings } from "../settings.ts";

export const TEXT_FILES = { Text: ["txt", "jsonl", "gz", "parquet"] };
const TEXT_EXTENSIONS = [".txt", ".jsonl", ".gz", ".parquet"];

export async function evaluate(
  { client }: Host,
  runs: Runs,
  panels: Panels,
  checkpoint: string,
): Promise<void> {
  const text = await chooseText(folderOf(checkpoint));
  if (!text) return;
  const { device } = readSettings(Uri.file(checkpoint));
  const job = await client.request(EVALUATE, { checkpoint, text: [text], device });
  runs.await(job.id);
  await panels.openRun(job.id);
}

/** Text beside the weights, or from a dialog. */
async function chooseText(folder: string): Promise<string | undefined> {
  const beside = (await namesIn(folder))
    .filter((name) => TEXT_EXTENSIONS.includes(extname(name)))
    // What was calibrated on tells too good a figure.
    .toSorted((a, b) => Number(isCalibration(a)) - Number(isCalibration(b)) || a.localeCompare(b));
  const picked = await window.showQuickPick(
    [
      ...beside.map((name) => ({
        label: `$(file-text) ${name}`,
        description: isCalibration(name) ? "was made for calibration: not for comparing" : "",
        path: join(folder, name),
      })),
      {
        label: "$(folder-opened) Choose a File…",
        description: "text, JSONL or Parquet",
        path: null,
      },
    ],
    { title: `Perplexity of ${basename(folder)} on` },
  );
  if (!picked) return undefined;
  if (picked.path !== null) return picked.path;
  const chosen = await window.showOpenDialog({ filters: TEXT_FILES, openLabel: "Measure on This" });
  return chosen?.[0]?.fsPath;
}

const isCalibration = (name: string): boolean => name.startsWith("calibration");
