import { isAbsolute, join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { parsePrune } from "../../daemon/cli/options.ts";
import { DEFAULTS, type PruneOptions } from "../../daemon/pipeline/index.ts";
import {
  pruneOptions,
  readRecipe,
  recipeJsonSchema,
  recipeSchema,
} from "../../daemon/recipe/index.ts";
import type { RecipeFile } from "../../daemon/protocol.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dr-recipe-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const least = { checkpoint: "/m", out: "/o" };

describe("words", () => {
  const sparsities = ["2:4", "4:8", "1:2", "50%", "12.5%", "0.5", ".25"];
  test.each(sparsities)("sparsity %s means what it means on the command line", (sparsity) => {
    const { options } = parsePrune("/m", { out: "/o", sparsity });
    const recipe = recipeSchema.parse({ ...least, sparsity });
    expect(pruneOptions(recipe).pattern).toEqual(options.pattern);
  });
  test.each(["layer", "global", "none", "every:4"])("rotation %s too", (rotation) => {
    const { options } = parsePrune("/m", { out: "/o", rotation });
    const recipe = recipeSchema.parse({ ...least, rotation });
    expect(pruneOptions(recipe).rotation).toEqual(options.rotation);
  });
  test.each(["auto", "cuda", "cuda:1", "cuda:0,1", "wasm"])("device %s too", (device) => {
    const { options } = parsePrune("/m", { out: "/o", device });
    const recipe = recipeSchema.parse({ ...least, device });
    expect(pruneOptions(recipe).device).toBe(options.device);
  });

  test.each(["5GB", "500 MiB", "1000000"])("shard size %s too", (maxShardSize) => {
    const { options } = parsePrune("/m", { out: "/o", maxShardSize });
    const recipe = recipeSchema.parse({ ...least, maxShardSize });
    expect(pruneOptions(recipe).maxShardBytes).toBe(options.maxShardBytes);
  });
  test.each([
    { sparsity: "4:2" },
    { sparsity: "0%" },
    { sparsity: 1 },
    { sparsity: "half" },
    { rotation: "every:0" },
    { rotation: "some" },
    { maxShardSize: "0" },
    { device: "wasm:1" },
    { device: "cuda:1," },
    { steps: 0 },
    { steps: 1.5 },
    { samples: -1 },
    { calibration: [] },
    { evaluation: {} },
    { pattern: "2:4" },
    { evaluation: { text: "a", files: "b" } },
  ])("%j is refused", (more) => {
    expect(recipeSchema.safeParse({ ...least, ...more }).success).toBe(false);
  });
});

test("the defaults that hovers tell are those of the pipeline", () => {
  const { properties } = recipeJsonSchema() as {
    properties: Record<string, { default?: unknown; markdownDescription?: string }>;
  };
  const told = (name: string) => properties[name]?.default;
  const same = [
    "method",
    "objective",
    "regroup",
    "damping",
    "blockSize",
    "samples",
    "seqLen",
    "sampling",
    "seed",
    "dtype",
    "device",
  ] as const;
  for (const name of same) expect([name, told(name)]).toEqual([name, DEFAULTS[name]]);
  const { "pruned-mass": ours, entropy: papers } = DEFAULTS.steps;
  expect(properties.steps?.markdownDescription).toContain(
    `Default ${ours} for \`pruned-mass\`, ${papers} for \`entropy\``,
  );
  const words: RecipeFile = { ...least, sparsity: "2:4", rotation: "layer", maxShardSize: "5GB" };
  expect([told("sparsity"), told("rotation"), told("maxShardSize")]).toEqual([
    words.sparsity,
    words.rotation,
    words.maxShardSize,
  ]);
  expect(pruneOptions(words)).toMatchObject({
    pattern: DEFAULTS.pattern,
    rotation: DEFAULTS.rotation,
    maxShardBytes: DEFAULTS.maxShardBytes,
  });
});

test("every option of a run is in a recipe, but resume, which is a matter of the request", () => {
  type Renamed = "pattern" | "maxShardBytes" | "resume";
  expectTypeOf<Exclude<keyof PruneOptions, keyof RecipeFile | Renamed>>().toBeNever();
});

describe("files", () => {
  test("names of texts stay names, beside paths; tasks become options, and their data a path", async () => {
    const recipe = {
      checkpoint: "/m",
      out: "/o",
      calibration: ["c4", "./c4"],
      evaluation: { text: "wikitext2" },
      tasks: { names: ["piqa", "arc_easy"], data: "tasks", limit: 9, baseline: false },
    } as const;
    const options = pruneOptions(await readRecipe({ recipe, folder: "/r" }));
    expect(options.calibration).toEqual(["c4", "/r/c4"]);
    expect(options.evaluation).toEqual({ files: ["wikitext2"] });
    expect(options.tasks).toEqual({
      tasks: ["piqa", "arc_easy"],
      taskData: "/r/tasks",
      limit: 9,
      baseline: false,
    });
    const fetched = { recipe: { ...recipe, tasks: { names: ["piqa"] as const } }, folder: "/r" };
    expect(pruneOptions(await readRecipe(fetched)).tasks).toEqual({ tasks: ["piqa"] });
  });

  test("a profile is one of two words, or a file beside the recipe", async () => {
    const recipe = { checkpoint: "/m", out: "/o", sparsity: "50%" };
    for (const [word, profile] of [
      ["owl", { kind: "owl" }],
      ["uniform", { kind: "uniform" }],
      ["ratios.json", { kind: "file", path: "/r/ratios.json" }],
    ] as const) {
      const source = { recipe: { ...recipe, sparsityProfile: word }, folder: "/r" };
      expect(pruneOptions(await readRecipe(source)).sparsityProfile).toEqual(profile);
    }
  });

  test("paths are taken from the recipe's folder and become absolute", async () => {
    const file = join(folder, "a.denoise.json");
    const recipe = {
      checkpoint: "model",
      out: "../out",
      calibration: ["c.txt", "/abs/d.txt"],
      evaluation: { text: "e.txt", maxWindows: 3 },
    };
    await writeFile(file, JSON.stringify(recipe));
    const read = await readRecipe({ file });
    expect(pruneOptions(read)).toEqual({
      checkpoint: join(folder, "model"),
      out: resolve(folder, "../out"),
      calibration: [join(folder, "c.txt"), "/abs/d.txt"],
      evaluation: { files: [join(folder, "e.txt")], maxWindows: 3 },
    });
    expect(isAbsolute(read.out)).toBe(true);
  });

  test.each([
    ["{", "recipe/not-json"],
    ['{"checkpoint": "m"}', "recipe/bad-option"],
    ['{"checkpoint": "m", "out": "o", "stepz": 3}', "recipe/bad-option"],
  ])("%s is refused with %s", async (text, code) => {
    const file = join(folder, "bad.denoise.json");
    await writeFile(file, text);
    await expect(readRecipe({ file })).rejects.toMatchObject({ code });
  });

  test("one that is missing, or has relative paths and no folder", async () => {
    const file = join(folder, "none.denoise.json");
    await expect(readRecipe({ file })).rejects.toMatchObject({ code: "recipe/unreadable" });
    const relative = { recipe: { checkpoint: "m", out: "/o" } };
    await expect(readRecipe(relative)).rejects.toMatchObject({ code: "recipe/relative-path" });
  });
});
