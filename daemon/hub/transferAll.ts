/** Many files, a few at a time, with one figure for how far it is. */
import { statfs } from "node:fs/promises";
import type { Connection } from "./connection.ts";
import * as errors from "./errors.ts";
import { partialOf, sizeOf, transfer } from "./transfer.ts";
import type { Transfer } from "./transfer.ts";

export interface DownloadProgress {
  /** Path in the repository of the file this is about. */
  readonly file: string;
  /** Whether that file is now there and checked. */
  readonly fileDone: boolean;
  /** Of all files, there and hashed, what was there before included. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly filesDone: number;
  readonly files: number;
}

/** Files at a time: enough to fill a line that one connection does not, few enough for a hub's limits. */
const AT_A_TIME = 4;

/**
 * Fetches all files into `folder`. When one fails the others stop, and what has arrived of them is kept.
 * @param connectWith the connection under another signal, which also stops when the caller's own does
 * @throws hub/disk-full before the first byte, and what {@link transfer} throws
 */
export async function transferAll(
  connectWith: (signal: AbortSignal) => Connection,
  signal: AbortSignal | undefined,
  commit: string,
  folder: string,
  transfers: readonly Transfer[],
  onProgress: ((progress: DownloadProgress) => void) | undefined,
): Promise<void> {
  await assertRoom(folder, transfers);
  const failure = new AbortController();
  const connection = connectWith(
    signal ? AbortSignal.any([signal, failure.signal]) : failure.signal,
  );
  const totalBytes = transfers.reduce((sum, { file }) => sum + file.size, 0);
  const counts = { bytes: 0, filesDone: 0 };
  const rest = transfers.values();
  let first: { readonly error: unknown } | undefined;
  const work = async () => {
    for (const item of rest) {
      let there = 0;
      const tell = (bytes: number, fileDone: boolean) => {
        counts.bytes += bytes - there;
        there = bytes;
        onProgress?.({
          file: item.file.path,
          fileDone,
          ...counts,
          totalBytes,
          files: transfers.length,
        });
      };
      await transfer(connection, commit, item, (bytes) => {
        tell(bytes, false);
      });
      counts.filesDone++;
      tell(item.file.size, true);
    }
  };
  const workers = Array.from({ length: AT_A_TIME }, () =>
    work().catch((error: unknown) => {
      // Those that fail after the first were stopped by it.
      first ??= { error };
      failure.abort();
    }),
  );
  await Promise.all(workers);
  if (first !== undefined) throw first.error;
}

/** @throws hub/disk-full */
async function assertRoom(folder: string, transfers: readonly Transfer[]): Promise<void> {
  let needed = 0;
  for (const { file, target } of transfers) {
    if ((await sizeOf(target)) === file.size) continue;
    needed += Math.max(0, file.size - ((await sizeOf(partialOf(target))) ?? 0));
  }
  const { bavail, bsize } = await statfs(folder).catch((cause: unknown) => {
    throw errors.unreadable(folder, cause);
  });
  const free = bavail * bsize;
  if (needed > free) throw errors.diskFull(folder, needed, free);
}
