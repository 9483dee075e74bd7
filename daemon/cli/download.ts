/** `denoise-rotator download` */
import { relative } from "node:path";
import { formatBytes } from "../checkpoint/index.ts";
import { shellWord } from "../wording.ts";
import { interruptible } from "./cancel.ts";
import { screenFor, writeJson } from "./context.ts";
import type { Context } from "./context.ts";
import { createDownloadView } from "./downloadView.ts";
import type { DownloadRequest } from "./options.ts";
import { facts } from "./terminal/facts.ts";
import { duration } from "./terminal/numbers.ts";
import { printable } from "./terminal/text.ts";

export async function downloadCommand(
  context: Context,
  { repository, out, token, json }: DownloadRequest,
): Promise<void> {
  const { io, engine } = context;
  const screen = screenFor(context, json);
  const view = createDownloadView(screen, () => io.now());
  const started = io.now();
  const interruption = {
    announcement: ["", "  Stopping; what has arrived is kept. The same command again goes on."],
    print: screen.print,
    release: view.close,
  };
  try {
    const model = await interruptible(io, interruption, (signal) =>
      engine.download(repository, out, { token, signal, onProgress: view.listener, env: io.env }),
    );
    view.close();
    const seconds = (io.now() - started) / 1000;
    if (json) {
      writeJson(context, { ...model, seconds });
      return;
    }
    const { style, columns } = screen;
    const folder = relative(process.cwd(), model.folder) || ".";
    screen.print(
      "",
      `  ${style.green("✓")} ${style.bold(printable(model.repository))} is in ${printable(folder)}, every file checked`,
      ...facts(
        [
          ["commit", model.commit],
          ["files", `${model.files.length}, ${formatBytes(model.bytes)}`],
          ["time", duration(seconds)],
          ["next", `${io.program} inspect ${shellWord(folder)}`],
        ],
        columns,
        style,
      ),
      "",
    );
  } finally {
    view.close();
  }
}
