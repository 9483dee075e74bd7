/**
 * TensorFlow.js' interface for a compute shader, narrowed to what the fused kernels need: a matrix result, a fixed
 * workgroup, and WGSL that indexes the flat buffers `result` and its inputs by name.
 */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";

/** Threads of a workgroup: within every device's limit of 256 invocations. */
export const THREADS = 256;

export interface Shader {
  /** Unique per WGSL text: pipelines are cached by it. */
  readonly key: string;
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Integers that the code reads as `uniforms.<name>`. */
  readonly uniforms: Readonly<Record<string, number>>;
  /** Floats that the code reads as `uniforms.<name>`. */
  readonly floats?: Readonly<Record<string, number>>;
  readonly output: { readonly shape: [number, number]; readonly dtype: "float32" | "bool" };
  /** Workgroups to start; `index / THREADS` is the workgroup, never assume there are no more than these. */
  readonly workgroups: number;
  /** Declarations before `main`. */
  readonly declarations?: string;
  /** Body of `fn main(index : i32)`, index counting all threads; `localId.x` is the thread in its workgroup. */
  readonly body: string;
}

type Program = Parameters<WebGPUBackend["runWebGPUProgram"]>[0];

/** Records the shader; the tensor is tracked by the scope it is called in. */
export function runShader(backend: WebGPUBackend, shader: Shader): tf.Tensor2D {
  const floats = shader.floats ?? {};
  const program: Program = {
    variableNames: Object.keys(shader.inputs),
    outputShape: shader.output.shape,
    shaderKey: shader.key,
    workgroupSize: [THREADS, 1, 1],
    dispatchLayout: { x: [0, 1] },
    dispatch: [shader.workgroups, 1, 1],
    uniforms: [
      ...Object.keys(shader.uniforms).map((name) => `${name} : i32, `),
      ...Object.keys(floats).map((name) => `${name} : f32, `),
    ].join(""),
    getUserCode: () => `
      const THREADS = ${THREADS};
      ${shader.declarations ?? ""}
      fn main(index : i32) {
        ${shader.body}
      }`,
  };
  const info = backend.runWebGPUProgram(
    program,
    Object.values(shader.inputs),
    shader.output.dtype,
    [
      ...Object.values(shader.uniforms).map((value) => ({ type: "int32", data: [value] })),
      ...Object.values(floats).map((value) => ({ type: "float32", data: [value] })),
    ],
  );
  return tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor2D;
}

/** WGSL: the sum of one float per thread, known to every thread of the workgroup afterwards. */
export const WORKGROUP_SUM = `
  var<workgroup> partials : array<f32, ${THREADS}>;
  fn workgroupSum(thread : i32, value : f32) -> f32 {
    partials[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2; half > 0; half = half / 2) {
      if (thread < half) { partials[thread] = partials[thread] + partials[thread + half]; }
      workgroupBarrier();
    }
    let sum = partials[0];
    workgroupBarrier();
    return sum;
  }
`;
