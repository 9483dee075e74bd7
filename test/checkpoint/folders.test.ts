/** The folder around the weights: where output may go, what is carried over, whether the input is still the same. */

import { chmod, mkdir, readdir, rename, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import {
  assertOutputAllowed,
  companionFiles,
  fingerprint,
  openCheckpoint,
} from "../../daemon/checkpoint/index.ts";
import { stagingOf } from "../../daemon/checkpoint/writer.ts";
import { f32File, failure, fill, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();
const at = (...parts: string[]): string => join(folder(), ...parts);

describe("an output folder", () => {
  async function codeOf(out: string, input = at("in")): Promise<string> {
    await mkdir(at("in", "sub"), { recursive: true });
    const error = await failure(assertOutputAllowed(out, input));
    expect(error.kind).toBe("usage");
    expect(error.message).toContain(folder());
    return error.code;
  }

  it("may be new, empty, beside the input, and deep", async () => {
    await mkdir(at("in"));
    await mkdir(at("empty"));
    for (const out of ["out", "empty", "in-pruned", "..out", "a/b/c"]) {
      expect(await assertOutputAllowed(at(out), at("in"))).toBe(at(out));
    }
    expect(await readdir(folder())).toEqual(["empty", "in"]);
  });

  it("may not be in the input", async () => {
    expect(await codeOf(at("in"))).toBe("checkpoint/output-inside-input");
    expect(await codeOf(at("in", "new", "out"))).toBe("checkpoint/output-inside-input");
    expect(await codeOf(`${at("in", "sub")}/../out`)).toBe("checkpoint/output-inside-input");
  });

  it("may not be in the input through a link", async () => {
    await mkdir(at("in"));
    await symlink(at("in"), at("link"));
    expect(await codeOf(at("link", "out"))).toBe("checkpoint/output-inside-input");
    expect(await codeOf(at("in", "out"), at("link"))).toBe("checkpoint/output-inside-input");
  });

  it("may not be around the input", async () => {
    expect(await codeOf(folder())).toBe("checkpoint/output-contains-input");
  });

  it("may not hold anything", async () => {
    await mkdir(at("full"));
    await fill(at("full"), { x: "1" });
    expect(await codeOf(at("full"))).toBe("checkpoint/output-exists");
  });

  it("may not be the empty folder one is in, which it would take the place of", async () => {
    await mkdir(at("here"));
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(at("here"));
    try {
      expect(await codeOf(".")).toBe("checkpoint/output-is-current-folder");
      expect(await assertOutputAllowed("out", at("in"))).toBe(at("here", "out"));
    } finally {
      cwd.mockRestore();
    }
  });

  it("may not be a file, nor lie in one", async () => {
    await fill(folder(), { file: "1" });
    expect(await codeOf(at("file"))).toBe("checkpoint/output-not-folder");
    expect(await codeOf(at("file", "out"))).toBe("checkpoint/output-not-folder");
  });

  it("may not be a link to nothing", async () => {
    await symlink(at("gone"), at("link"));
    expect(await codeOf(at("link"))).toBe("checkpoint/output-link-broken");
  });

  it.each(["", "new/deep"])("has a name that it can be filled under, in %j", async (parent) => {
    await mkdir(at("in"));
    for (let length = 240; length <= 260; length++) {
      const name = "x".repeat(length);
      const fillable = await mkdir(stagingOf(at(name))).then(
        () => true,
        () => false,
      );
      const asked = assertOutputAllowed(at(parent, name), at("in"));
      if (fillable) expect(await asked).toBe(at(parent, name));
      else expect((await failure(asked)).code).toBe("checkpoint/output-name-too-long");
    }
  });

  it("must be in a folder that can be written to", async (context) => {
    await mkdir(at("locked"));
    await chmod(at("locked"), 0o555);
    const writable = await access(at("locked"), constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable) context.skip("this user may write anywhere");
    expect(await codeOf(at("locked", "out"))).toBe("checkpoint/output-read-only");
  });
});

describe("files that are carried over", () => {
  const CARRIED = [
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
    "USE_POLICY.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "tekken.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer.model.v3",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
  ];
  const LEFT = [
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tokenizer.bin",
    "tokenizer.pkl",
    "training_args.bin",
    "modeling_custom.py",
    "consolidated.pth",
    "notes.txt",
    ".gitattributes",
  ];

  it("are the tokenizer, generation settings and the licence, and nothing else", async () => {
    await fill(folder(), Object.fromEntries([...CARRIED, ...LEFT].map((n) => [n, `<${n}>`])));
    await mkdir(at("tokenizer_old.json"));
    const found = await companionFiles(folder());
    expect(found.map((f) => f.name)).toEqual(CARRIED);
    expect(found[0]).toEqual({ name: "LICENSE", path: at("LICENSE"), bytes: 9 });
  });

  it("may be links", async () => {
    await fill(folder(), { blob: "{}" });
    await mkdir(at("snapshot"));
    await symlink("../blob", at("snapshot", "tokenizer.json"));
    await symlink("../gone", at("snapshot", "tokenizer_config.json"));
    const found = await companionFiles(at("snapshot"));
    expect(found.map((f) => [f.name, f.bytes])).toEqual([["tokenizer.json", 2]]);
  });

  it("of a folder that is not there are an error", async () => {
    expect((await failure(companionFiles(at("nowhere")))).code).toBe("checkpoint/not-found");
  });
});

describe("the fingerprint", () => {
  const take = async (path = folder()): Promise<string> => {
    const checkpoint = await openCheckpoint(path);
    try {
      return await fingerprint(checkpoint);
    } finally {
      await checkpoint.close();
    }
  };
  const base = (): Promise<void> =>
    fill(folder(), {
      "model.safetensors": f32File({ w: [1, 2] }),
      "config.json": "{}",
      "tokenizer.json": "{}",
      "README.md": "old",
    });
  const MODEL = "model.safetensors";

  it("is the same while nothing changes, and when the card does", async () => {
    await base();
    const before = await take();
    await fill(folder(), { "README.md": "new" });
    const after = await take();
    expect(after).toEqual(before);
  });

  it("does not depend on where the folder is or how it was named", async () => {
    await mkdir(at("one"));
    await fill(at("one"), { [MODEL]: f32File({ w: [1] }), "config.json": "{}" });
    const before = await take(at("one", MODEL));
    await rename(at("one"), at("two"));
    expect(await take(at("two"))).toEqual(before);
  });

  it.each([
    ["a longer weight file", MODEL, f32File({ w: [1, 2, 3] })],
    ["a renamed tensor", MODEL, f32File({ v: [1, 2] })],
    ["another config", "config.json", '{"a":1}'],
    ["another tokenizer", "tokenizer.json", "{ }"],
    ["a new tokenizer file", "tokenizer_config.json", "{}"],
  ])("notices %s", async (_, name, content) => {
    await base();
    const before = await take();
    await fill(folder(), { [name]: content });
    const after = await take();
    expect(after).not.toBe(before);
  });

  it("notices another header in a weight file of the same size and time", async () => {
    const time = new Date("2024-01-01");
    const put = async (file: Uint8Array): Promise<string> => {
      await fill(folder(), { [MODEL]: file });
      await utimes(at(MODEL), time, time);
      return take();
    };
    const before = await put(f32File({ w: [1, 2] }));
    expect(await put(f32File({ v: [1, 2] }))).not.toBe(before);
  });

  it("notices a newer weight file of the same size and header", async () => {
    await base();
    const before = await take();
    await utimes(at(MODEL), new Date(), new Date(Date.now() + 5000));
    expect(await take()).not.toBe(before);
  });
});
