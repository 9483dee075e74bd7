/** What the form says of an option that cannot be taken: a sentence, under the field that it is about. */
import { expect, test, vi } from "vitest";
import { readRecipe } from "../../daemon/recipe/index.ts";
import { daemonErrorOf } from "../../extension/errors.ts";
import { troubleOf } from "../../extension/prune/trouble.ts";

vi.mock("vscode", () => import("./vscode.ts"));

const troubleWith = async (option: object) => {
  const recipe = { checkpoint: "/m", out: "/o", ...option };
  const thrown: unknown = await readRecipe({ recipe }).then(
    () => null,
    (error: unknown) => error,
  );
  return troubleOf(daemonErrorOf(thrown));
};

test.each([
  [{ sparsity: "4:2" }, "sparsity", /^Give N:M with N < M/],
  [{ sparsity: "lots" }, "sparsity", /^Give N:M with N < M/],
  [{ sparsity: "100%" }, "sparsity", /^Give N:M with N < M/],
  [{ rotation: "every:0" }, "rotation", /^Give "layer"/],
  [{ device: "cuda:x" as const }, "device", /^Give "auto"/],
  [{ steps: 0 }, null, /^recipe: steps: /],
])("%j", async (option, field, says) => {
  const trouble = await troubleWith(option);
  expect(trouble.field).toBe(field);
  expect(trouble.message).toMatch(says);
});
