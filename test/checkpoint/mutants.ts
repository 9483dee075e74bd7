/** Damaged copies of a valid safetensors file, for fuzzing. */

import fc from "fast-check";
import { LENGTH_BYTES } from "../../daemon/checkpoint/header.ts";

const FRAGMENTS = [
  ...['"', "{", "}", "[", "]", ",", ":", "\\", "-", "1e9", "null", "0", " ", "\\u0000", "\ud7ff"],
  ...["9007199254740993", "18446744073709551615", '"dtype":"F64",', '"__metadata__":{"a":1},'],
];

type Mutation = (file: Buffer) => Buffer;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Files that differ from `base` by one to four mutations of its header, or are cut off. */
export function mutants(base: Buffer): fc.Arbitrary<Buffer> {
  const headerBytes = Number(base.readBigUInt64LE());
  const headerEnd = LENGTH_BYTES + headerBytes;
  const position = fc.integer({ min: 0, max: headerEnd - 1 });
  const splice = (file: Buffer, at: number, remove: number, insert: Uint8Array): Buffer =>
    Buffer.concat([file.subarray(0, at), insert, file.subarray(at + remove)]);

  const flip = fc.tuple(position, fc.integer({ min: 1, max: 255 })).map(([at, bits]): Mutation => {
    return (file) => splice(file, at, 1, Uint8Array.of((file[at] ?? 0) ^ bits));
  });
  const insert = fc
    .tuple(position, fc.integer({ min: 0, max: 40 }), fc.constantFrom(...FRAGMENTS))
    .map(([at, remove, text]): Mutation => {
      return (file) => splice(file, at, remove, Buffer.from(text));
    });
  const duplicate = fc
    .tuple(position, position, fc.integer({ min: 1, max: 300 }))
    .map(([from, to, length]): Mutation => {
      return (file) => splice(file, to, 0, file.subarray(from, from + length));
    });
  const truncate = fc.integer({ min: 0, max: base.length }).map((end): Mutation => {
    return (file) => file.subarray(0, end);
  });
  // A digit replaced by another keeps the JSON valid and reaches the checks behind it.
  const digit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 9 })).map(([pick, d]): Mutation => {
    return (file) => {
      const digits = [...file.subarray(0, headerEnd).keys()].filter((i) => isDigit(file[i] ?? 0));
      const at = digits[pick % Math.max(1, digits.length)];
      return at === undefined ? file : splice(file, at, 1, Uint8Array.of(0x30 + d));
    };
  });

  /** With an honest length field it is the mutated JSON that gets read, and not a piece of it. */
  const relength = (file: Buffer, honest: boolean): Buffer => {
    const length = headerBytes + file.length - base.length;
    if (!honest || length < 0 || file.length < LENGTH_BYTES) return file;
    const prefix = Buffer.alloc(LENGTH_BYTES);
    prefix.writeBigUInt64LE(BigInt(length));
    return splice(file, 0, LENGTH_BYTES, prefix);
  };
  const mutation = fc.oneof(flip, insert, duplicate, truncate, digit);
  return fc
    .tuple(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([mutations, honest]) => {
      let file = base;
      for (const mutate of mutations) file = mutate(file);
      return relength(file, honest);
    });
}
