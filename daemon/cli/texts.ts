/** Texts by the names the field has for them: fetched before the work that reads them. */
import type { TextUse } from "../hub/index.ts";
import { interruptible } from "./cancel.ts";
import type { Context } from "./context.ts";
import { createDownloadView } from "./downloadView.ts";
import type { Screen } from "./terminal/screen.ts";

/** Paths for `names`, `c4` and `wikitext2` among them; shows what is fetched. */
export async function fetchTexts(
  { io, engine }: Context,
  screen: Screen,
  names: readonly string[],
  use: TextUse,
): Promise<readonly string[]> {
  const view = createDownloadView(screen, () => io.now());
  const interruption = {
    announcement: ["", "  Stopping; what has arrived is kept. The same command again goes on."],
    print: screen.print,
    release: view.close,
  };
  try {
    return await interruptible(io, interruption, (signal) =>
      engine.resolveTextFiles(names, use, { signal, onProgress: view.listener, env: io.env }),
    );
  } finally {
    view.close();
  }
}
