/** The recipe that a form stands for, and the file it is saved as. */
import fc from "fast-check";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { recipeSchema } from "../../daemon/recipe/schema.ts";
import { OBJECTIVES, PRUNE_METHODS } from "../../daemon/vocabulary.ts";
import { relativeTo } from "../../extension/prune/saveRecipe.ts";
import { freeOutput, recipeOf } from "../../extension/prune/values.ts";
import { DEVICE_CHOICES } from "../../daemon/vocabulary.ts";
import type { FormValues } from "../../webview/form/messages.ts";

vi.mock("vscode", () => import("./vscode.ts"));

const name = fc.stringMatching(/^[a-z][\w.-]{0,8}$/);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const values: fc.Arbitrary<FormValues> = fc.record({
  method: fc.constantFrom(...PRUNE_METHODS),
  sparsity: fc.constantFrom("2:4", "4:8", "50%", "0.3"),
  rotation: fc.constantFrom("layer", "global", "none", "every:4"),
  objective: fc.constantFrom(...OBJECTIVES),
  steps: fc.integer({ min: 1, max: 5000 }),
  samples: fc.integer({ min: 1, max: 5000 }),
  seqLen: fc.option(fc.integer({ min: 2, max: 5000 })),
  sparsityProfile: fc.constantFrom("uniform", "owl"),
  calibration: fc.array(path, { maxLength: 2 }),
  evaluation: fc.array(path, { maxLength: 2 }),
  out: fc.constant(null),
  device: fc.constantFrom(...DEVICE_CHOICES, "cuda:1" as const, "cuda:0,1" as const),
});

test("whatever is filled in is a recipe that the daemon takes", () => {
  fc.assert(
    fc.property(path, values, path, (checkpoint, filled, out) => {
      expect(recipeSchema.safeParse(recipeOf(checkpoint, filled, out)).error).toBeUndefined();
    }),
  );
});

test("saved paths are relative, and lead to the same files from the recipe's folder", () => {
  fc.assert(
    fc.property(path, path, values, path, (folder, checkpoint, filled, out) => {
      const recipe = recipeOf(checkpoint, filled, out);
      const saved = relativeTo(folder, recipe);
      const back = (files: string | readonly string[]) =>
        [files].flat().map((file) => resolve(folder, file));
      expect(saved.checkpoint).toMatch(/^\.\.?(\/|$)/);
      expect(resolve(folder, saved.checkpoint)).toBe(recipe.checkpoint);
      expect(resolve(folder, saved.out)).toBe(recipe.out);
      expect(back(saved.calibration ?? [])).toEqual(recipe.calibration ?? []);
      expect(back(saved.evaluation?.text ?? [])).toEqual(recipe.evaluation?.text ?? []);
    }),
  );
});

describe("the output folder that is proposed", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dr-form-"));
    await mkdir(join(folder, "llama"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const [one] = fc.sample(values, { numRuns: 1, seed: 1 });
  const filled = { ...one, method: "wanda", sparsity: "2:4", rotation: "layer" } as FormValues;

  test("lies beside the checkpoint, however that was named, and says what was done", async () => {
    const expected = join(folder, "llama-2-4-wanda");
    expect(await freeOutput(join(folder, "llama"), filled)).toBe(expected);
    expect(await freeOutput(join(folder, "llama", "config.json"), filled)).toBe(expected);
  });

  test("is another one where that is taken, and the same where it is empty", async () => {
    await mkdir(join(folder, "llama-2-4-wanda"));
    expect(await freeOutput(join(folder, "llama"), filled)).toMatch(/llama-2-4-wanda$/);
    await writeFile(join(folder, "llama-2-4-wanda", "x"), "");
    expect(await freeOutput(join(folder, "llama"), filled)).toMatch(/llama-2-4-wanda-2$/);
  });
});
