/** `DENOISE_ROTATOR_CUDA_PRECISION`: full float32 where somebody asks for it. */
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
const VARIABLE = "DENOISE_ROTATOR_CUDA_PRECISION";
/** Of 13 bits behind the point: TF32 has 10. */
const FINE = 1 + 2 ** -13;

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let backend: Backend | undefined;
  afterEach(async () => {
    Reflect.deleteProperty(process.env, VARIABLE);
    await backend?.dispose();
    backend = undefined;
  });

  test.each([
    [undefined, "TF32", 1],
    ["", "TF32", 1],
    ["tf32", "TF32", 1],
    ["f32", "F32", FINE],
  ])("asked for %j: products in %s", async (asked, name, entry) => {
    if (asked !== undefined) process.env[VARIABLE] = asked;
    backend = await openBackend("cuda");
    expect(backend.description).toContain(`products in ${name}`);
    const x = tf.mul(tf.eye(64), FINE);
    const product = tf.matMul(x, tf.eye(64));
    expect((await product.data())[0]).toBe(Math.fround(entry));
    tf.dispose([x, product]);
  });

  test("another is refused, with those there are", async () => {
    process.env[VARIABLE] = "fp8";
    await expect(openBackend("cuda")).rejects.toMatchObject({
      code: "backend/unknown-precision",
      message: expect.stringMatching(/"fp8".*tf32.*f32/) as string,
    });
  });
});
