/** What the form says of an option that cannot be taken: a sentence, under the field that it is about. */
import { expect, test, vi } from "vitest";
import type { DenoiseError } from "../../daemon/errors.ts";
import { infoOf } from "../../daemon/jobs/errors.ts";
import { badOption } from "../../daemon/pipeline/errors.ts";
import { readRecipe } from "../../daemon/recipe/index.ts";
import { daemonErrorOf } from "../../extension/errors.ts";
import { troubleOf } from "../../extension/prune/trouble.ts";

vi.mock("vscode", () => import("./vscode.ts"));

/** Of the answer that the daemon gives with it. */
function troubleFrom(error: DenoiseError) {
  const { message, ...data } = infoOf(error);
  return troubleOf(daemonErrorOf(Object.assign(new Error(message), { data })));
}

const troubleWith = async (option: object) => {
  const recipe = { checkpoint: "/m", out: "/o", ...option };
  return troubleFrom(
    await readRecipe({ recipe }).then(
      () => expect.unreachable("the recipe is wrong"),
      (error: unknown) => error as DenoiseError,
    ),
  );
};

test.each([
  [{ sparsity: "4:2" }, "sparsity", /^Give N:M with N < M/],
  [{ sparsity: "lots" }, "sparsity", /^Give N:M with N < M/],
  [{ sparsity: "100%" }, "sparsity", /^Give N:M with N < M/],
  [{ rotation: "every:0" }, "rotation", /^Give "layer"/],
  [{ device: "cuda:x" as const }, "device", /^Give "auto"/],
  [{ calibration: [""] }, "calibration", /^[A-Z]/],
  [
    { evaluation: { text: "relative.txt" } },
    "evaluation",
    /^evaluation\.text: "relative\.txt" is relative/,
  ],
  [{ steps: 0 }, null, /^recipe: steps: /],
])("%j", async (option, field, says) => {
  const trouble = await troubleWith(option);
  expect(trouble.field).toBe(field);
  expect(trouble.message).toMatch(says);
});

test("what only the plan finds stands under its field too", () => {
  const error = badOption("rotation", "every:K needs a whole number of layers K ≥ 1");
  expect(troubleFrom(error)).toEqual({
    message: "rotation: every:K needs a whole number of layers K ≥ 1.",
    field: "rotation",
  });
});
