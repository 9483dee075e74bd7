/** What cannot be downloaded, and whether the message says what to do; and who is told the token. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { downloadModel } from "../../daemon/hub/index.ts";
import { GOOD_TOKEN, startHub } from "./fakeHub.ts";
import { DIGESTS, contents, model, refusal, setUp } from "./setup.ts";

const bench = setUp();

describe("access", () => {
  test("a gated model: accept on its page, give a token; with one, wait for access", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model(undefined, { access: "gated" }));
    const without = await refusal(downloadModel("org/tiny", out, options));
    expect([without.code, without.kind]).toEqual(["hub/gated", "input"]);
    expect(without.message).toContain(`${hub.url}/org/tiny`);
    expect(without.message).toContain("--token");
    const withOther = await refusal(
      downloadModel("org/tiny", out, { ...options, token: "hf_other" }),
    );
    expect(withOther.code).toBe("hub/gated");
    expect(withOther.message).not.toContain("hf_other");
    await downloadModel("org/tiny", out, { ...options, token: GOOD_TOKEN });
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("a private model looks like none; a token that may see it opens it", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model(undefined, { access: "private" }));
    const without = await refusal(downloadModel("org/tiny", out, options));
    expect(without.code).toBe("hub/repository-missing");
    expect(without.message).toContain("--token");
    const other = await refusal(downloadModel("org/tiny", out, { ...options, token: "hf_other" }));
    expect(other.code).toBe("hub/repository-missing");
    expect(existsSync(out)).toBe(false);
    await downloadModel("org/tiny", out, { ...options, token: GOOD_TOKEN });
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("a wrong token, a model and a revision that are not there", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const code = async (name: string, token?: string) =>
      (await refusal(downloadModel(name, out, { ...options, token }))).code;
    expect(await code("org/tiny", "hf_wrong")).toBe("hub/token-refused");
    expect(await code("org/nothing")).toBe("hub/repository-missing");
    const revision = await refusal(downloadModel("org/tiny@nothing", out, options));
    expect(revision.code).toBe("hub/revision-missing");
    expect(revision.message).toContain('"nothing"');
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    "",
    "a/b/c",
    "../x",
    "org/../x",
    "org/tiny@",
    "org/tiny@a b",
    "@main",
    "a?b",
    "o/t@..",
  ])("%j is no repository", async (name) => {
    const { hub, out, options } = bench();
    const error = await refusal(downloadModel(name, out, options));
    expect([error.code, error.kind]).toEqual(["hub/bad-repository", "usage"]);
    expect(hub.seen).toEqual([]);
  });
});

describe("the token", () => {
  const authorizations = (hub: Awaited<ReturnType<typeof startHub>>, server: "hub" | "store") =>
    new Set(hub.seen.filter((seen) => seen.server === server).map((seen) => seen.authorization));

  test("goes to the hub with every request and to no other host", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    await downloadModel("org/tiny", out, { ...options, token: GOOD_TOKEN });
    expect(authorizations(hub, "hub")).toEqual(new Set([`Bearer ${GOOD_TOKEN}`]));
    expect(authorizations(hub, "store")).toEqual(new Set([undefined]));
  });

  test("is not taken along where a list goes on elsewhere", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    hub.faults.nextElsewhere = true;
    await downloadModel("org/tiny", out, { ...options, token: GOOD_TOKEN });
    expect(hub.seen).toContainEqual(expect.objectContaining({ server: "store", path: "/list" }));
    expect(authorizations(hub, "store")).toEqual(new Set([undefined]));
  });

  test("comes from the option, the variables, the file they name, the login: in this order", async () => {
    const { hub, work, options } = bench();
    const file = join(work, "tokenFile");
    await writeFile(file, "hf_path\n");
    await writeFile(join(work, "home", "token"), "hf_login\n");
    const sent = async (token: string | undefined, env: Record<string, string>) => {
      hub.seen.length = 0;
      await refusal(
        downloadModel("org/none", join(work, "x"), {
          ...options,
          token,
          env: { ...options.env, ...env },
        }),
      );
      return hub.seen[0]?.authorization;
    };
    const all = { HF_TOKEN: "hf_a", HUGGING_FACE_HUB_TOKEN: "hf_b", HF_TOKEN_PATH: file };
    expect(await sent("hf_option", all)).toBe("Bearer hf_option");
    expect(await sent(undefined, all)).toBe("Bearer hf_a");
    expect(await sent(undefined, { ...all, HF_TOKEN: "" })).toBe("Bearer hf_b");
    expect(await sent(undefined, { HF_TOKEN_PATH: file })).toBe("Bearer hf_path");
    expect(await sent(undefined, {})).toBe("Bearer hf_login");
    expect(await sent(undefined, { HF_HOME: join(work, "nowhere") })).toBeUndefined();
  });

  test("that cannot be one is refused without being shown", async () => {
    const { hub, out, options } = bench();
    const error = await refusal(
      downloadModel("org/tiny", out, { ...options, token: "secret\r\nX-Evil: 1" }),
    );
    expect(error.code).toBe("hub/bad-token");
    expect(error.message).not.toContain("secret");
    expect(hub.seen).toEqual([]);
  });
});

describe("the hub's address", () => {
  test("HF_ENDPOINT is honoured, with a path and a slash at its end", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const env = { ...options.env, HF_ENDPOINT: `${hub.url}/` };
    await downloadModel("org/tiny", out, { ...options, endpoint: undefined, env });
    expect(await contents(out)).toEqual(DIGESTS);
    const mirror = { ...options, endpoint: `${hub.url}/mirror/` };
    await refusal(downloadModel("org/tiny", join(out, "2"), mirror));
    expect(hub.seen.at(-1)?.path).toMatch(/^\/mirror\/api\/models\/org\/tiny\/revision\//);
  });

  test.each(["not an address", "file:///etc", "ftp://127.0.0.1"])(
    "%j is none",
    async (endpoint) => {
      const { out, options } = bench();
      const error = await refusal(downloadModel("org/tiny", out, { ...options, endpoint }));
      expect(error.code).toBe("hub/bad-endpoint");
    },
  );

  test("a hub that is not there: which files to put where; a proxy that Node ignores is named", async () => {
    const { out, options } = bench();
    const gone = await startHub();
    await gone.close();
    const env = { ...options.env, HTTPS_PROXY: "http://127.0.0.1:1" };
    const error = await refusal(
      downloadModel("org/tiny", out, { ...options, endpoint: gone.url, env }),
    );
    expect([error.code, error.kind]).toEqual(["hub/offline", "failed"]);
    for (const part of ["config.json", "tokenizer", ".safetensors", out, "HTTPS_PROXY"]) {
      expect(error.message).toContain(part);
    }
    expect(existsSync(out)).toBe(false);
  });

  test("HF_HUB_OFFLINE=1 makes no request", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model());
    const env = { ...options.env, HF_HUB_OFFLINE: "1" };
    const error = await refusal(downloadModel("org/tiny", out, { ...options, env }));
    expect(error.code).toBe("hub/offline");
    expect(error.message).toContain("HF_HUB_OFFLINE");
    expect(hub.seen).toEqual([]);
  });
});

describe("repositories that hold no checkpoint", () => {
  const config = { "config.json": Buffer.from("{}") };
  const one = Buffer.from("1");
  const index = (file: string) => Buffer.from(JSON.stringify({ weight_map: { "a.weight": file } }));
  test.each<[string, Record<string, Buffer>, string]>([
    ["no config.json", { "adapter_model.safetensors": one }, "hub/no-config"],
    ["no weights", config, "hub/no-weights"],
    ["pickles only", { ...config, "pytorch_model.bin": one }, "hub/no-weights"],
    [
      "weights of unclear use",
      { ...config, "a.safetensors": one, "b.safetensors": one },
      "hub/ambiguous-weights",
    ],
    [
      "an index of missing shards",
      { ...config, "model.safetensors.index.json": index("a.safetensors") },
      "hub/bad-index",
    ],
    [
      "an index that leads elsewhere",
      { ...config, "model.safetensors.index.json": index("../../a.safetensors") },
      "hub/bad-index",
    ],
    [
      "an index that names a pickle",
      { ...config, "a.bin": one, "model.safetensors.index.json": index("a.bin") },
      "hub/bad-index",
    ],
    [
      "an index that is none",
      { ...config, "model.safetensors.index.json": Buffer.from("[1,") },
      "hub/bad-index",
    ],
  ])("%s", async (_, files, code) => {
    const { hub, out, options } = bench();
    hub.repositories.push(model(files));
    const error = await refusal(downloadModel("org/tiny", out, options));
    expect([error.code, error.kind]).toEqual([code, "input"]);
    expect(error.message).toContain("org/tiny");
  });

  test("pickles are named, with what to look for instead", async () => {
    const { hub, out, options } = bench();
    hub.repositories.push(model({ ...config, "pytorch_model.bin": one }));
    const { message } = await refusal(downloadModel("org/tiny", out, options));
    expect(message).toMatch(/pytorch_model\.bin.*refs\/pr/);
    expect(existsSync(out)).toBe(false);
  });
});
