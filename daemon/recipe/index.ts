/** Recipes: the `*.denoise.json` file, its one schema, and its way to the options of a run. */
export { listOf, pruneOptions, readRecipe } from "./read.ts";
export { deviceWord } from "./fields.ts";
export { recipeJsonSchema, recipeSchema } from "./schema.ts";
