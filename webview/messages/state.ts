/**
 * What a page keeps over a reload of the window (`vscode.setState`): the host's part says what the panel was bound to,
 * `page` is the page's own business and checked by it.
 */
import * as z from "zod/mini";

/** A run: a job of the daemon, or an output folder with its `denoise-report.json`. */
export type RunSource = { readonly job: string } | { readonly output: string };

export const runSource = z.union([
  z.object({ job: z.string().check(z.minLength(1), z.maxLength(200)) }),
  z.object({ output: z.string().check(z.minLength(1), z.maxLength(4096)) }),
]);

export const panelState = z.object({ source: runSource, page: z.unknown() });
