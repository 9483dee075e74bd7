/** Kernels come and go with the device that brings them. */
import * as tf from "@tensorflow/tfjs-core";

/** Registers kernels in place of those there are; the result puts the old ones back. */
export function registerAll(kernels: readonly tf.KernelConfig[]): () => void {
  const old = kernels.map((kernel) => {
    const before = tf.getKernel(kernel.kernelName, kernel.backendName) as
      tf.KernelConfig | undefined;
    if (before !== undefined) tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
    return before;
  });
  return () => {
    kernels.forEach((kernel, i) => {
      tf.unregisterKernel(kernel.kernelName, kernel.backendName);
      if (old[i] !== undefined) tf.registerKernel(old[i]);
    });
  };
}
