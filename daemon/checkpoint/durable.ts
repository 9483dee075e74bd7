/** Renames that survive a power cut. */

import { open } from "node:fs/promises";

/** Makes a folder's entries durable; where a platform cannot sync a folder (Windows), its file system does it. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
