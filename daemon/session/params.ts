/** Parameters of every request, checked once, here. Fields that are not known are dropped. */
import { z } from "zod";
import type { RecipeFile } from "../protocol/recipes.ts";
import { deviceWord } from "../recipe/index.ts";
import { MATRIX_TILE_KINDS } from "../protocol/jobs.ts";
import { ROLES } from "../vocabulary.ts";

const path = z.string().min(1).max(4096);
const id = z.string().min(1).max(200);
const index = z.int().min(0);
const count = z.int().min(1).max(1_000_000);
const work = { workDoneToken: z.union([z.string(), z.number()]).optional() };
const waiting = { ...work, wait: z.boolean().optional() };
const range = z.tuple([index, index]);

export const none = z.looseObject({});
export const retire = z.object({ successor: z.object({ entry: path, node: path }).optional() });

/** Read by `readRecipe`, which says what is wrong with which option. */
const unread = z.custom<RecipeFile>((value) => typeof value === "object" && value !== null);
const recipe = { recipe: unread, folder: path.optional() };
export const recipeSource = z.union([z.object({ file: path }), z.object(recipe)]);
export const plan = z.union([z.object({ file: path, ...work }), z.object({ ...recipe, ...work })]);

const start = { ...waiting, resume: z.boolean().optional() };
export const prune = z.union([
  z.object({ file: path, ...start }),
  z.object({ ...recipe, ...start }),
]);

export const evaluate = z.object({
  checkpoint: path,
  text: z.array(path).min(1),
  field: z.string().min(1).optional(),
  seqLen: count.min(2).optional(),
  maxWindows: count.optional(),
  device: deviceWord.optional(),
  ...waiting,
});

export const job = z.object({ id });
export const resume = z.object({ id, ...waiting });
export const remove = z.object({ id, deleteWork: z.boolean().optional() });
export const layer = z.object({ id, layer: index });
export const matrix = z.object({ id, layer: index, role: z.enum(ROLES) });

export const matrixTile = z.object({
  source: z.union([z.object({ job: id }), z.object({ output: path })]),
  layer: index,
  role: z.enum(ROLES),
  kind: z.enum(MATRIX_TILE_KINDS),
  rows: range.optional(),
  cols: range.optional(),
});

/** Another client's own settings may be among them. */
export const settings = z.looseObject({ cuda: z.string().trim().max(4096).optional() });
export const devices = z.object({ refresh: z.boolean().optional() });
export const inspect = z.object({ checkpoint: path, ...work });
export const statistics = z.object({ checkpoint: path, tensor: z.string(), ...work });
export const tile = z.object({
  source: z.union([z.object({ checkpoint: path }), z.object({ job: id })]),
  tensor: z.string(),
  kind: z.enum(["magnitude", "zeros"]),
  rows: range.optional(),
  cols: range.optional(),
});
