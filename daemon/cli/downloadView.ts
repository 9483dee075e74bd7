/** Shows files arriving: one line that moves, or in a pipe a line now and then. */
import { formatBytes } from "../checkpoint/index.ts";
import type { DownloadProgress } from "../hub/index.ts";
import { bar } from "./terminal/bar.ts";
import { createEta } from "./terminal/eta.ts";
import { duration, percent } from "./terminal/numbers.ts";
import type { Screen } from "./terminal/screen.ts";
import { printable, shorten, width } from "./terminal/text.ts";

export interface DownloadView {
  readonly listener: (progress: DownloadProgress) => void;
  /** Takes the live line away. */
  readonly close: () => void;
}

const MIN_BAR = 8;
const MAX_BAR = 32;
/** What stands right of the bar in the widest case. */
const BESIDE = 60;
/** In a pipe, a line for every such share of a large file. */
const STEP = 0.1;

export function createDownloadView(screen: Screen, now: () => number): DownloadView {
  const eta = createEta(null);
  let told = -STEP;
  return {
    listener(progress) {
      const share = progress.totalBytes === 0 ? 1 : progress.bytes / progress.totalBytes;
      const left = eta.update(share, now() / 1000);
      const text = [
        percent(share, 0).padStart(5),
        `${formatBytes(progress.bytes)} of ${formatBytes(progress.totalBytes)}`,
        `${progress.filesDone} of ${progress.files} ${progress.files === 1 ? "file" : "files"}`,
        ...(left === null || share >= 1 ? [] : [`about ${duration(left)} left`]),
      ];
      if (screen.live) {
        screen.draw(() => [liveLine(share, text.join("  "), screen)]);
      } else if (progress.fileDone || share >= told + STEP) {
        told = share;
        screen.print(`${text.join("  ")}  ${printable(progress.file)}`);
      }
    },
    close: screen.clear,
  };
}

function liveLine(share: number, text: string, { columns, style }: Screen): string {
  const room = Math.max(MIN_BAR, Math.min(MAX_BAR, columns - BESIDE));
  const head = `  ${bar(share, room, style)}  `;
  // A line that the terminal wraps would be drawn over wrongly.
  return head + style.dim(shorten(text, Math.max(1, columns - width(head) - 1)));
}
