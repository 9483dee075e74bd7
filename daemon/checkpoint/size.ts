/** Sizes as people write them on a command line. */

import { badSize } from "./outputErrors.ts";

/** Decimal as Hugging Face reads them (`5GB` = 5·10⁹), binary with an `i`. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Bytes of `5GB`, `1.5 GiB`, `200000`.
 * @throws DenoiseError `checkpoint/bad-size` where it is no positive size.
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = UNITS[(match?.[2] ?? "?").toUpperCase()];
  const bytes = Math.round(Number(match?.[1]) * (unit ?? NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw badSize(text);
  return bytes;
}
