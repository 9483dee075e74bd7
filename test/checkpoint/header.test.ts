/** One test per defect a header can have. */

import { describe, expect, it } from "vitest";
import { DTYPES, dtypeInfo } from "../../daemon/checkpoint/index.ts";
import { parseHeader, parseHeaderLength } from "../../daemon/checkpoint/header.ts";
import type { Header } from "../../daemon/checkpoint/header.ts";
import { entry, failure } from "./support.ts";

const FILE = "/models/x/model.safetensors";

const parse = (header: string | object, dataBytes: number): Header =>
  parseHeader(
    Buffer.from(typeof header === "string" ? header : JSON.stringify(header)),
    FILE,
    dataBytes,
  );

/** Code of the failure; the message must name the file and, where given, the tensor. */
async function defect(
  header: string | object,
  dataBytes: number,
  tensor?: string,
): Promise<string> {
  const error = await failure(() => parse(header, dataBytes));
  expect(error.kind).toBe("input");
  expect(error.message).toContain(FILE);
  if (tensor !== undefined) expect(error.message).toContain(`"${tensor}"`);
  return error.code;
}

describe("a valid header", () => {
  it("gives the tensors in the order of their data", () => {
    const header = parse(
      {
        b: entry("F32", [2, 3], 2, 26),
        __metadata__: { format: "pt", note: "é" },
        a: entry("U8", [2], 0, 2),
      },
      26,
    );
    expect(header.metadata).toEqual({ format: "pt", note: "é" });
    expect(header.tensors).toEqual([
      { name: "a", dtype: "U8", shape: [2], elements: 2, bytes: 2, begin: 0 },
      { name: "b", dtype: "F32", shape: [2, 3], elements: 6, bytes: 24, begin: 2 },
    ]);
  });

  it("may be padded, empty, hold scalars, empty tensors and odd names", () => {
    expect(parse("{}      ", 0).tensors).toEqual([]);
    expect(parse('{"__metadata__":null}', 0).metadata).toEqual({});
    const names = ["", "__proto__", "0", "a\nb", "重み", "constructor"];
    const header = Object.fromEntries(
      names.map((n, i) => [n, entry("BF16", [], 2 * i, 2 * i + 2)]),
    );
    const odd = parse({ ...header, empty: entry("F64", [3, 0, 5], 4, 4) }, 12);
    expect(odd.tensors.map((t) => t.name).sort()).toEqual([...names, "empty"].sort());
  });

  it.each(DTYPES)("knows %s", (dtype) => {
    const bytes = dtypeInfo(dtype).bits;
    expect(parse({ t: entry(dtype, [8], 0, bytes) }, bytes).tensors[0]?.bytes).toBe(bytes);
  });
});

describe("the length field", () => {
  const length = (value: bigint): Buffer => {
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(value);
    return prefix;
  };

  it("is read as little-endian 64 bit", () => {
    expect(parseHeaderLength(length(4848n), FILE, 1e6)).toBe(4848);
  });

  it.each([0n, 1n, 100_000_001n, 2n ** 63n, 2n ** 64n - 1n])("may not be %d", async (value) => {
    const error = await failure(() => parseHeaderLength(length(value), FILE, 2 ** 40));
    expect(error.code).toBe("checkpoint/header-length");
    expect(error.message).toContain(FILE);
  });

  it("may not reach beyond the file", async () => {
    const error = await failure(() => parseHeaderLength(length(100n), FILE, 107));
    expect(error.code).toBe("checkpoint/truncated");
    expect(parseHeaderLength(length(100n), FILE, 108)).toBe(100);
  });

  it("must be there", async () => {
    const error = await failure(() => parseHeaderLength(new Uint8Array(7), FILE, 7));
    expect(error.code).toBe("checkpoint/truncated");
  });
});

describe("the JSON", () => {
  it.each(["[]", "null", '"a"', " {}"])("must begin as an object: %s", async (text) => {
    expect(await defect(text, 0)).toBe("checkpoint/header-not-object");
  });

  it.each(["{", '{"a":}', "{}{}", '{"a":1', `{"a":${"[".repeat(1000)}`])(
    "must be valid: %.20s",
    async (text) => {
      expect(await defect(text, 0)).toBe("checkpoint/header-not-json");
    },
  );

  it("must be UTF-8", async () => {
    const error = await failure(() => parseHeader(Buffer.from("{\xff}", "latin1"), FILE, 0));
    expect(error.code).toBe("checkpoint/header-not-json");
  });

  it("must name tensors in Unicode", async () => {
    expect(await defect(String.raw`{"\ud800":{}}`, 0)).toBe("checkpoint/header-not-json");
  });

  const one = JSON.stringify(entry("U8", [1], 0, 1));
  it.each([
    ["plainly", `{"a":${one},"a":${one}}`],
    ["by an escape", String.raw`{"a":${one},"\u0061":${one}}`],
  ])("may not name a tensor twice, %s", async (_, text) => {
    expect(await defect(text, 1, "a")).toBe("checkpoint/duplicate-name");
  });

  it("may not repeat a key inside an entry", async () => {
    const text = '{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}';
    expect(await defect(text, 1, "shape")).toBe("checkpoint/duplicate-name");
  });

  it.each([{ a: 1 }, { a: null }, [], "text", { a: { b: "c" } }])(
    "may not have %j as metadata",
    async (metadata) => {
      expect(await defect({ __metadata__: metadata }, 0)).toBe("checkpoint/bad-metadata");
    },
  );
});

describe("a tensor's entry", () => {
  it.each([
    null,
    [],
    7,
    {},
    { dtype: "F32", shape: [1] },
    { dtype: "F32", data_offsets: [0, 4] },
    { shape: [1], data_offsets: [0, 4] },
    { dtype: 3, shape: [1], data_offsets: [0, 4] },
  ])("may not be %j", async (value) => {
    expect(await defect({ w: value }, 4, "w")).toBe("checkpoint/bad-entry");
  });

  it.each(["F33", "f32", "", "float32", "constructor"])("may not have dtype %j", async (dtype) => {
    expect(await defect({ w: entry(dtype, [1], 0, 4) }, 4, "w")).toBe("checkpoint/unknown-dtype");
  });

  it.each(["[1.5]", "[-1]", '["1"]', "[1e300]", "[9007199254740992]", "4", "{}", "[null]"])(
    "may not have shape %s",
    async (shape) => {
      const text = `{"w":{"dtype":"F32","shape":${shape},"data_offsets":[0,4]}}`;
      expect(await defect(text, 4, "w")).toBe("checkpoint/bad-shape");
    },
  );

  it.each([
    [2 ** 40, 2 ** 40],
    [2 ** 52, 1],
    [2 ** 40, 2 ** 40, 0],
  ])("may not overflow: %j", async (...shape) => {
    expect(await defect({ w: entry("F32", shape, 0, 4) }, 4, "w")).toBe("checkpoint/bad-shape");
  });

  it.each(["[0]", "[0,4,8]", "[0.5,4]", "[-4,0]", "[4,0]", '["0","4"]', "[0,1e17]", "7"])(
    "may not have data_offsets %s",
    async (offsets) => {
      const text = `{"w":{"dtype":"F32","shape":[1],"data_offsets":${offsets}}}`;
      expect(await defect(text, 4, "w")).toBe("checkpoint/bad-offsets");
    },
  );

  it("must have as many bytes as its shape and dtype need", async () => {
    expect(await defect({ w: entry("F16", [3], 0, 4) }, 4, "w")).toBe("checkpoint/size-mismatch");
  });

  it("must fill whole bytes", async () => {
    expect(await defect({ w: entry("F4", [3], 0, 2) }, 2, "w")).toBe("checkpoint/misaligned");
    expect(await defect({ w: entry("F6_E2M3", [2], 0, 2) }, 2, "w")).toBe("checkpoint/misaligned");
    expect(parse({ w: entry("F6_E2M3", [4], 0, 3) }, 3).tensors).toHaveLength(1);
  });
});

describe("the layout", () => {
  const u8 = (begin: number, end: number): object => entry("U8", [end - begin], begin, end);

  it("may not overlap", async () => {
    expect(await defect({ a: u8(0, 4), b: u8(3, 6) }, 6, "b")).toBe("checkpoint/overlap");
    expect(await defect({ a: u8(0, 4), b: u8(0, 4) }, 4, "b")).toBe("checkpoint/overlap");
  });

  it("may not have holes", async () => {
    expect(await defect({ a: u8(0, 4), b: u8(5, 6) }, 6, "b")).toBe("checkpoint/hole");
    expect(await defect({ a: u8(1, 4) }, 4, "a")).toBe("checkpoint/hole");
  });

  it("may not lie beyond the file", async () => {
    expect(await defect({ a: u8(0, 4), b: u8(90, 94) }, 8, "b")).toBe("checkpoint/out-of-range");
  });

  it("may not be cut off, and names the first tensor that is", async () => {
    const header = { a: u8(0, 4), b: u8(4, 8), c: u8(8, 12) };
    expect(await defect(header, 6, "b")).toBe("checkpoint/truncated");
  });

  it("may not leave bytes at the end", async () => {
    expect(await defect({ a: u8(0, 4) }, 5)).toBe("checkpoint/trailing-bytes");
  });
});
