/** Language features as an editor gets them: documents opened over the socket, the real engine behind. */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DIAGNOSTIC_SOURCE, RECIPE_SUFFIX } from "../../daemon/protocol.ts";
import { writeHugeModel } from "../support/hugeModel.ts";
import { writeTinyModel } from "../support/tinyModel.ts";
import { bundleDaemon } from "./bundle.ts";
import { Harness, material, type Client, type Material } from "./harness.ts";

interface Position {
  readonly line: number;
  readonly character: number;
}
interface Diagnostic {
  readonly range: { readonly start: Position; readonly end: Position };
  readonly severity: number;
  readonly code?: string | number;
  readonly source: string;
  readonly message: string;
}

let harness: Harness;
let data: Material;
let client: Client;
const waiting = new Map<string, (diagnostics: Diagnostic[], version?: number) => void>();

beforeAll(async () => {
  harness = new Harness(await bundleDaemon("daemon-test-language"));
  data = await material(1);
  client = await harness.client(await harness.daemon(await harness.home()));
  client.on<{ uri: string; version?: number; diagnostics: Diagnostic[] }>(
    { method: "textDocument/publishDiagnostics" },
    ({ uri, version, diagnostics }) => {
      waiting.get(uri)?.(diagnostics, version);
    },
  );
});
afterAll(async () => {
  await harness.cleanUp();
  await rm(data.folder, { recursive: true, force: true });
});

let count = 0;

/** Opens a document below the data folder. @returns its URI, and its first diagnostics */
async function open(text: string, name = `r${++count}${RECIPE_SUFFIX}`) {
  const uri = pathToFileURL(join(data.folder, name)).href;
  const diagnosed = new Promise<Diagnostic[]>((resolve) => waiting.set(uri, resolve));
  const textDocument = { uri, languageId: "json", version: 1, text };
  await client.connection.sendNotification("textDocument/didOpen", { textDocument });
  return { uri, diagnosed };
}

/** `severity code: message` under the text it marks; severities are LSP's 1 error, 2 warning, 3 information. */
async function golden(text: string, name?: string): Promise<string[]> {
  const { diagnosed } = await open(text, name);
  const lines = text.split("\n");
  return (await diagnosed).map(({ range, severity, code, source, message }) => {
    expect(source).toBe(DIAGNOSTIC_SOURCE);
    const { start, end } = range;
    const marked = lines[start.line]?.slice(
      start.character,
      start.line === end.line ? end.character : undefined,
    );
    return `${marked ?? ""} | ${severity} ${code ?? ""}: ${message}`;
  });
}

const good = () => ({
  checkpoint: "model",
  out: "out",
  calibration: "text.txt",
  seqLen: 24,
  samples: 4,
});
const recipe = (more: object = {}) => JSON.stringify({ ...good(), ...more }, null, 2);

describe("diagnostics of a recipe", () => {
  test("a good one has none", async () => {
    expect(await golden(recipe({ evaluation: { text: ["text.txt"] }, sparsity: "4:8" }))).toEqual(
      [],
    );
  });

  test("unknown options and bad values are marked where they stand", async () => {
    expect(await golden(recipe({ stepz: 3 }))).toEqual([
      '"stepz" | 1 : Property stepz is not allowed.',
    ]);
    expect(await golden(recipe({ method: "wandy" }))).toEqual([
      '"wandy" | 1 1: Value is not accepted. Valid values: "magnitude", "wanda", "sparsegpt".',
    ]);
    expect(await golden(recipe({ samples: 0 }))).toEqual([
      "0 | 1 : Value is below the minimum of 1.",
    ]);
    expect(await golden(recipe({ rotation: "every" }))).toEqual([
      '"every" | 1 : Give "layer", "every:K" with a whole number K ≥ 1, "global" or "none".',
    ]);
    expect(await golden(recipe({ sparsity: "half" }))).toEqual([
      '"half" | 1 : Give N:M with N < M such as "2:4", or a share such as "50%".',
    ]);
    expect(await golden(recipe({ sparsity: "4:2" }))).toEqual([
      '"4:2" | 1 recipe/bad-option: This deletes nothing or everything: "2:4" keeps 2 of every 4, "50%" deletes half.',
    ]);
    expect(await golden('{"checkpoint": "model"}')).toEqual(['{ | 1 : Missing property "out".']);
    expect(await golden('{"checkpoint": "model",}')).toEqual([
      expect.stringContaining("| 1 "),
      expect.stringContaining("| 1 "),
    ]);
  });

  test("files that are missing, each at its place", async () => {
    const text = recipe({ calibration: ["text.txt", "gone.txt"], evaluation: { text: "no.txt" } });
    expect(await golden(text)).toEqual([
      '"gone.txt" | 1 text/file-missing: gone.txt does not exist. Paths are taken from the folder of this file.',
      '"no.txt" | 1 text/file-missing: no.txt does not exist. Paths are taken from the folder of this file.',
    ]);
  });

  test("N:M that does not divide a matrix of this checkpoint", async () => {
    // The matrices have 16 and 32 input columns.
    expect(await golden(recipe({ sparsity: "3:5" }))).toEqual([
      expect.stringMatching(
        /^"3:5" \| 1 method\/pattern-does-not-fit: Matrix q \[16, 16\] of .* has 16 input columns/,
      ),
    ]);
  });

  test("an architecture that cannot be pruned, no calibration text, an output that is there", async () => {
    await mkdir(join(data.folder, "gpt"));
    await cp(join(data.folder, "model"), join(data.folder, "gpt"), { recursive: true });
    await writeFile(join(data.folder, "gpt", "config.json"), '{"model_type": "gpt2"}');
    expect(await golden(recipe({ checkpoint: "gpt" }))).toEqual([
      expect.stringMatching(/^"gpt" \| 1 model\/unsupported-architecture: model_type "gpt2"/),
    ]);
    expect(await golden('{"checkpoint": "model", "out": "out"}')).toEqual([
      expect.stringMatching(/^"model" \| 1 pipeline\/no-calibration: /),
    ]);
    expect(await golden(recipe({ out: "gpt" }))).toEqual([
      expect.stringMatching(/^"gpt" \| 2 checkpoint\/output-exists: /),
    ]);
    expect(await golden(recipe({ out: "model/out" }))).toEqual([
      expect.stringMatching(/^"model\/out" \| 1 checkpoint\/output-inside-input: /),
    ]);
  });

  test("calibration text that is too short", async () => {
    await writeFile(join(data.folder, "short.txt"), "a b");
    expect(await golden(recipe({ calibration: "short.txt" }))).toEqual([
      expect.stringMatching(/^"short.txt" \| 1 text\/too-short: /),
    ]);
  });

  test("not enough disk or memory", async () => {
    await writeHugeModel(join(data.folder, "huge"));
    const told = await golden(recipe({ checkpoint: "huge", method: "magnitude" }));
    expect(told).toContainEqual(
      expect.stringMatching(/^"huge" \| 1 pipeline\/not-enough-memory: .* too little\./),
    );
    for (const line of told) {
      expect(line).toMatch(/^"(out|huge)" \| 1 pipeline\/not-enough-(disk|memory): /);
      expect(line).not.toMatch(/--[a-z]/);
    }
  });
});

describe("diagnostics of config.json", () => {
  const config = (more: object) =>
    JSON.stringify(
      {
        model_type: "llama",
        hidden_size: 16,
        intermediate_size: 32,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 4,
        vocab_size: 31,
        max_position_embeddings: 64,
        ...more,
      },
      null,
      2,
    );

  test("one that fits its weights has none; other folders' and other files are left alone", async () => {
    expect(await golden(config({}), "model/config.json")).toEqual([]);
    const { uri } = await open('{"compilerOptions": 3}', "config.json");
    expect(
      await client.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } }),
    ).toEqual([]);
  });

  test("what keeps the checkpoint from being pruned, at its key", async () => {
    expect(await golden(config({ model_type: "mamba" }), "a/config.json")).toEqual([
      expect.stringMatching(/^"mamba" \| 2 model\/unsupported-architecture: /),
    ]);
    expect(await golden(config({ hidden_act: "gelu" }), "b/config.json")).toEqual([
      expect.stringMatching(/^"gelu" \| 2 model\/unsupported-feature: /),
    ]);
    await writeTinyModel(join(data.folder, "c"), { layers: 1 });
    expect(await golden(config({ num_hidden_layers: 2 }), "c/model/config.json")).toEqual([
      expect.stringMatching(/^2 \| 2 model\/missing-tensor: .*model\.layers\.1\./),
    ]);
  });

  test("where 2:4 cannot be used", async () => {
    expect(await golden(config({ intermediate_size: 30 }), "d/config.json")).toEqual([
      "30 | 3 method/pattern-does-not-fit: 2:4 cannot be used: the input sizes of down are no multiples of 4. An unstructured share can.",
    ]);
  });
});

describe("help while writing", () => {
  const labels = (answer: { items: { label: string }[] } | null) =>
    answer?.items.map(({ label }) => label) ?? [];
  const complete = async (text: string) => {
    const at = text.indexOf("¦");
    const { uri } = await open(text.replace("¦", ""));
    const before = text.slice(0, at).split("\n");
    const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
    const params = { textDocument: { uri }, position };
    return labels(await client.connection.sendRequest("textDocument/completion", params));
  };

  test("options that are not there yet, and the values of an option", async () => {
    const options = await complete('{"checkpoint": "m", ¦}');
    expect(options).toEqual(
      expect.arrayContaining([
        "out",
        "method",
        "sparsity",
        "rotation",
        "objective",
        "steps",
        "calibration",
        "evaluation",
        "device",
      ]),
    );
    expect(options).not.toContain("checkpoint");
    expect(await complete('{"method": ¦}')).toEqual(
      expect.arrayContaining(['"magnitude"', '"wanda"', '"sparsegpt"']),
    );
    expect(await complete('{"sparsity": ¦}')).toEqual(
      expect.arrayContaining(['"2:4"', '"4:8"', '"50%"']),
    );
    expect(await complete('{"evaluation": {¦}}')).toEqual(
      expect.arrayContaining(["text", "seqLen", "maxWindows", "baseline"]),
    );
  });

  test("hovers tell the meaning and the paper's advice", async () => {
    const hover = async (uri: string, line: number, character: number) => {
      const params = { textDocument: { uri }, position: { line, character } };
      const answer = await client.connection.sendRequest("textDocument/hover", params);
      return JSON.stringify(answer);
    };
    const { uri } = await open('{\n  "sparsity": "2:4",\n  "steps": 200\n}');
    expect(await hover(uri, 1, 5)).toMatch(/keeps 2 of every 4.*10\.01/);
    expect(await hover(uri, 2, 5)).toMatch(/The paper takes 2000/);
    const config = await open('{\n  "model_type": "llama"\n}', "e/config.json");
    expect(await hover(config.uri, 1, 5)).toContain("qwen2");
  });

  test("code lenses name commands and what they act on", async () => {
    const lenses = async (name: string) => {
      const { uri } = await open("{}", name);
      return client.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
    };
    const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
    const expected = (argument: object) => [
      {
        range,
        command: { title: "Prune", command: "denoise-rotator.prune", arguments: [argument] },
      },
      {
        range,
        command: { title: "Dry run", command: "denoise-rotator.dryRun", arguments: [argument] },
      },
      {
        range,
        command: {
          title: "Open heatmaps",
          command: "denoise-rotator.openHeatmaps",
          arguments: [argument],
        },
      },
    ];
    expect(await lenses("x.denoise.json")).toEqual(
      expected({ file: join(data.folder, "x.denoise.json") }),
    );
    expect(await lenses("model/config.json")).toEqual(
      expected({ checkpoint: join(data.folder, "model") }),
    );
    expect(await lenses("package.json")).toEqual([]);
  });

  test("a newer version of a document is what is diagnosed; a closed one is clean", async () => {
    const { uri, diagnosed } = await open(recipe({ stepz: 3 }));
    expect(await diagnosed).toHaveLength(1);
    // The one between may be diagnosed as well, where the newest is late.
    const better = new Promise<Diagnostic[]>((resolve) => {
      waiting.set(uri, (diagnostics, version) => {
        if (version === 3) resolve(diagnostics);
      });
    });
    const changes = {
      textDocument: { uri, version: 2 },
      contentChanges: [{ text: recipe({ method: "x" }) }],
    };
    await client.connection.sendNotification("textDocument/didChange", changes);
    const again = { textDocument: { uri, version: 3 }, contentChanges: [{ text: recipe() }] };
    await client.connection.sendNotification("textDocument/didChange", again);
    expect(await better).toEqual([]);
    const closed = new Promise<Diagnostic[]>((resolve) => waiting.set(uri, resolve));
    await client.connection.sendNotification("textDocument/didClose", { textDocument: { uri } });
    expect(await closed).toEqual([]);
  });
});
