/**
 * Who is the daemon. Seats are numbered folders `seat-<n>`; the highest belongs to the daemon, or to the last one that
 * was. A new daemon listens first, then takes seat n + 1 by renaming a prepared folder onto that name, which succeeds
 * for exactly one of any number of rivals. The highest seat is never given up or deleted while it is the highest, so a
 * rival that was asleep for any time cannot take a number again: no lock can go stale.
 */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const seatSchema = z.object({
  pid: z.number().int().positive(),
  version: z.string(),
  /** Path of the Unix socket, or name of the pipe. */
  socket: z.string(),
  token: z.string(),
});
export type SeatRecord = z.infer<typeof seatSchema>;

export interface Seat {
  readonly number: number;
  readonly folder: string;
  /** Null where the record is damaged: such a seat is as good as deserted. */
  readonly record: SeatRecord | null;
}

const RECORD = "daemon.json";
const NAME = /^seat-([1-9]\d{0,14})$/;

/** The highest seat; null where there has been no daemon yet. */
export async function highestSeat(home: string): Promise<Seat | null> {
  const numbers = (await readdir(home).catch(() => [])).flatMap((name) => {
    const match = NAME.exec(name);
    return match ? [Number(match[1])] : [];
  });
  if (numbers.length === 0) return null;
  const number = Math.max(...numbers);
  const folder = join(home, `seat-${number}`);
  return { number, folder, record: await readRecord(folder) };
}

async function readRecord(folder: string): Promise<SeatRecord | null> {
  try {
    return seatSchema.parse(JSON.parse(await readFile(join(folder, RECORD), "utf8")));
  } catch {
    return null;
  }
}

/** Takes seat `number`. @returns its folder, or null where another was faster */
export async function takeSeat(
  home: string,
  number: number,
  record: SeatRecord,
): Promise<string | null> {
  const folder = join(home, `seat-${number}`);
  const prepared = await mkdtemp(join(home, "claim-"));
  await writeFile(join(prepared, RECORD), JSON.stringify(record), { mode: 0o600 });
  try {
    // Fails where the name is taken: the folder there holds a record, and only empty ones are replaced.
    await rename(prepared, folder);
    return folder;
  } catch (error) {
    await rm(prepared, { recursive: true, force: true });
    if (await readRecord(folder)) return null;
    throw error;
  }
}

/** Clears away what daemons before seat `number` have left. */
export async function removeLowerSeats(home: string, number: number): Promise<void> {
  for (const name of await readdir(home)) {
    const match = NAME.exec(name);
    if (match && Number(match[1]) < number) await rm(join(home, name), { recursive: true });
  }
}
