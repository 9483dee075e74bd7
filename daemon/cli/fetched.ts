/** What a command names but has not got (`c4`, the data of tasks): fetched before the work that reads it. */
import type { NamedInputs } from "../hub/index.ts";
import { interruptible } from "./cancel.ts";
import type { Context } from "./context.ts";
import { createDownloadView } from "./downloadView.ts";
import type { Screen } from "./terminal/screen.ts";

/** The same options with paths in the places of names; shows what is fetched. */
export async function fetched<T extends NamedInputs>(
  { io, engine }: Context,
  screen: Screen,
  inputs: T,
): Promise<T> {
  const view = createDownloadView(screen, () => io.now());
  const interruption = {
    announcement: ["", "  Stopping; what has arrived is kept. The same command again goes on."],
    print: screen.print,
    release: view.close,
  };
  try {
    return await interruptible(io, interruption, (signal) =>
      engine.fetchInputs(inputs, { signal, onProgress: view.listener, env: io.env }),
    );
  } finally {
    view.close();
  }
}
