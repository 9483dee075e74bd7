/** Strict UTF-8 from a stream of bytes, with the offset of the first wrong byte. */
import * as errors from "./errors.ts";

/**
 * Offset of the first byte of `bytes` that breaks UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates,
 * nothing above U+10FFFF), or its length. A sequence cut off by the end counts as broken at its first byte.
 */
export function validPrefix(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const lead = bytes[i] ?? 0;
    const length = sequenceLength(lead);
    if (length === 0 || i + length > bytes.length) return i;
    if (length > 1) {
      const second = bytes[i + 1] ?? 0;
      const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (second < lowest || second > highest) return i;
      for (let k = 2; k < length; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return i;
    }
    i += length;
  }
  return i;
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

/** Length of the incomplete sequence at the end of `bytes`: 0 to 3 bytes that the next chunk may complete. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) !== 0x80) return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Text of a byte stream, chunk by chunk, each of whole code points; a leading byte order mark is dropped, all else
 * (line ends too) is kept as it is.
 *
 * @throws text/not-utf8
 */
export async function* decodeUtf8(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let offset = 0;
  let carried: Uint8Array = new Uint8Array(0);
  let start: Uint8Array | undefined;
  const decode = (bytes: Uint8Array): string => {
    try {
      const text = decoder.decode(bytes);
      return offset === 0 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    } catch {
      const wrong = offset + validPrefix(bytes);
      throw errors.notUtf8(file, wrong, whatItLooksLike(start ?? bytes));
    }
  };
  for await (const chunk of chunks) {
    const bytes = carried.length === 0 ? chunk : Buffer.concat([carried, chunk]);
    start ??= Uint8Array.from(bytes.subarray(0, 8));
    const whole = bytes.length - incompleteTail(bytes);
    const text = decode(bytes.subarray(0, whole));
    offset += whole;
    carried = Uint8Array.from(bytes.subarray(whole));
    if (text !== "") yield text;
  }
  decode(carried);
}

const SIGNATURES: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ["UTF-16; save it as UTF-8", [0xff, 0xfe]],
  ["UTF-16; save it as UTF-8", [0xfe, 0xff]],
  ["gzip; give it a name ending in .gz", [0x1f, 0x8b]],
  ["Zstandard; decompress it first", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz; decompress it first", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["Parquet; give it a name ending in .parquet", [0x50, 0x41, 0x52, 0x31]],
  ["a zip archive; unpack it first", [0x50, 0x4b, 0x03, 0x04]],
];

function whatItLooksLike(start: Uint8Array): string {
  const found = SIGNATURES.find(([, bytes]) => bytes.every((byte, i) => start[i] === byte));
  return found === undefined
    ? "If it is text in another encoding, save it as UTF-8."
    : `It looks like ${found[0]}.`;
}
