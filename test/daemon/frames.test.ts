import fc from "fast-check";
import { expect, test } from "vitest";
import { ERROR } from "../../daemon/protocol.ts";
import { FrameParser, type FrameEvent } from "../../daemon/session/frames.ts";

const frame = (text: string): Buffer => {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
};

/** `bytes` in pieces that end at the given places. */
function parseInPieces(bytes: Buffer, cuts: readonly number[], limit = 1000): FrameEvent[] {
  const parser = new FrameParser(limit);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  let start = 0;
  return ends.flatMap((end) => {
    const events = [...parser.push(bytes.subarray(start, end))];
    start = end;
    return events;
  });
}

test("any values arrive whole and in order, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat()), (values, cuts) => {
      const bytes = Buffer.concat(values.map((value) => frame(JSON.stringify(value))));
      expect(parseInPieces(bytes, cuts, 1e6)).toEqual(
        values.map((value) => ({
          type: "message",
          value: JSON.parse(JSON.stringify(value)) as unknown,
        })),
      );
    }),
  );
});

test("any bytes are parsed without throwing, and nothing follows a fatal defect", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6000 }), fc.array(fc.nat()), (bytes, cuts) => {
      const events = parseInPieces(Buffer.from(bytes), cuts);
      const fatal = events.findIndex((event) => event.type === "defect" && event.fatal);
      if (fatal >= 0) expect(fatal).toBe(events.length - 1);
    }),
  );
});

test("a message as large as allowed passes, one byte more does not", () => {
  const text = JSON.stringify("a".repeat(98));
  expect(parseInPieces(frame(text), [], 100)).toMatchObject([{ type: "message" }]);
  expect(parseInPieces(frame(text), [], 99)).toMatchObject([
    { type: "defect", code: ERROR.tooLarge, fatal: true },
  ]);
});

test("bad JSON in a good frame costs only itself; header names have no case and other headers are allowed", () => {
  const other = Buffer.from("Content-Type: x\r\ncontent-length:  2\r\n\r\n{}");
  expect(parseInPieces(Buffer.concat([frame("{"), other]), [])).toMatchObject([
    { type: "defect", code: ERROR.parse, fatal: false },
    { type: "message", value: {} },
  ]);
});
