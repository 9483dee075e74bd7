import * as tf from "@tensorflow/tfjs-core";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { expect, test } from "vitest";
import { tensorflowProvider } from "../../daemon/backend/tensorflow.ts";

const GPU = "@tensorflow/tfjs-node-gpu";
const CPU = "@tensorflow/tfjs-node";

/** What Node throws for a package that is not there. */
function notFound(name: string): Error {
  return Object.assign(new Error(`Cannot find package '${name}'`), {
    code: "ERR_MODULE_NOT_FOUND",
  });
}

/** An installation with these packages; loading one makes it the backend, as the real ones do. */
function installation(packages: readonly string[]): (name: string) => Promise<unknown> {
  return (name) => {
    if (!packages.includes(name)) return Promise.reject(notFound(name));
    const backend = Object.assign(new MathBackendCPU(), { isUsingGpuDevice: name === GPU });
    tf.registerBackend("tensorflow", () => backend);
    return tf.setBackend("tensorflow");
  };
}

test("the GPU package is preferred", async () => {
  const provider = tensorflowProvider(installation([GPU, CPU]));
  expect(await provider.probe()).toMatchObject({ available: true, automatic: true, detail: GPU });
  expect((await provider.open({})).description).toBe(`${GPU} on GPU`);
  expect(tf.getBackend()).toBe("tensorflow");
  tf.removeBackend("tensorflow");
});

test("a look changes nothing", async () => {
  await tf.setBackend("cpu");
  await tensorflowProvider(installation([CPU])).probe();
  expect(tf.getBackend()).toBe("cpu");
  tf.removeBackend("tensorflow");
});

test("without it the CPU package serves", async () => {
  const opened = await tensorflowProvider(installation([CPU])).open({});
  expect(opened.description).toBe(`${CPU} on CPU`);
  tf.removeBackend("tensorflow");
});

test("without either: what is missing and the command", async () => {
  const provider = tensorflowProvider(installation([]));
  expect(await provider.probe()).toMatchObject({
    available: false,
    automatic: false,
    missing: `${GPU}: not installed; ${CPU}: not installed`,
    remedy: expect.stringContaining(`npm install`) as string,
  });
  await expect(provider.open({})).rejects.toThrow("not installed");
});

test("a package that is there but does not load says so in one line", async () => {
  const provider = tensorflowProvider((name) =>
    Promise.reject(
      name === GPU ? new Error("libcudart.so.11.0: no such file\nstack") : notFound(name),
    ),
  );
  expect(await provider.probe()).toMatchObject({
    available: false,
    missing: `${GPU}: libcudart.so.11.0: no such file; ${CPU}: not installed`,
  });
});
