/**
 * A device that forbids what a GPU forbids: TensorFlow.js' plain JavaScript backend, while reading a tensor
 * synchronously throws. It has no fused kernels, so it runs their composed versions.
 */
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import type { Device } from "./laws/index.ts";

export async function openStrictCpu(): Promise<Device> {
  if (!(await tf.setBackend("cpu"))) throw new Error("The cpu backend did not start");
  const engine = tf.engine();
  const readSync = engine.readSync.bind(engine);
  engine.readSync = () => {
    throw new Error("A synchronous read: a GPU would stall or refuse. Use `await tensor.data()`.");
  };
  return {
    dispose() {
      engine.readSync = readSync;
      return Promise.resolve();
    },
  };
}
