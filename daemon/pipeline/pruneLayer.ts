/**
 * One layer from dense to finished: fold its rotation, prune group by group with fresh Hessians (true-sequential),
 * and round to what will be stored. What it returns is what the output holds.
 */
import * as tf from "@tensorflow/tfjs-core";
import { decodeFloats, encodeFloats, type TensorData } from "../checkpoint/index.ts";
import {
  dampedFactor,
  foldRotation,
  pruneMagnitude,
  pruneWanda,
  pruneWithFactor,
  rotateValueBias,
  type DampedFactor,
  type Rotation,
} from "../method/index.ts";
import {
  biasName,
  boundaryName,
  inputNormName,
  postAttentionNormName,
  storedMatrices,
  weightPlace,
  type DecoderLayer,
} from "../model/index.ts";
import type { Fallback } from "../report.ts";
import { INPUT_OF, matrixShape, PRUNE_GROUPS, ROLES, type Role } from "../vocabulary.ts";
import type { StreamReader } from "./activations.ts";
import { collectHessians } from "./collect.ts";
import { turnedBiases } from "./outputPlan.ts";
import type { Run } from "./run.ts";

/**
 * The rotated, unpruned layer; the caller disposes it with `disposeLayer`.
 * @param folded dense, norm gains folded
 * @param basis R1 of the layer before, in whose basis the stream arrives; null before the first layer
 * @param first whether this layer begins a scope, so that the stream must change basis
 */
export function rotatedLayer(
  run: Run,
  folded: DecoderLayer,
  rotation: Rotation,
  basis: tf.Tensor2D | null,
  first: boolean,
): DecoderLayer {
  const { r1, r2 } = rotation;
  const { v, o, down, ...others } = folded.biases;
  const turned = (b: tf.Tensor1D): tf.Tensor1D =>
    tf.tidy(() => tf.reshape(tf.matMul(tf.reshape(b, [1, -1]), r1), b.shape));
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of ROLES) {
    const bias = others[role as keyof typeof others];
    if (bias) biases[role] = bias.clone();
  }
  if (v) biases.v = rotateValueBias(v, r2);
  if (o) biases.o = turned(o);
  if (down) biases.down = turned(down);
  return {
    matrices: foldRotation(folded.matrices, rotation, run.model.config.shape),
    biases,
    inputNorm: folded.inputNorm.clone(),
    postAttentionNorm: folded.postAttentionNorm.clone(),
    headNorms: clonedHeadNorms(folded),
    entry: run.recipe.rotation.kind === "none" || !first ? null : changeOfBasis(r1, basis),
  };
}

/** Queries and keys are not rotated, so their norms stay as they are. */
function clonedHeadNorms({ headNorms }: DecoderLayer): DecoderLayer["headNorms"] {
  return headNorms && { q: headNorms.q.clone(), k: headNorms.k.clone() };
}

/** `M` of `x Mᵀ` from the basis of the layer before into R1's: `Mᵀ = basisᵀ R1`. */
function changeOfBasis(r1: tf.Tensor2D, basis: tf.Tensor2D | null): tf.Tensor2D {
  return basis ? tf.matMul(r1, basis, true, false) : tf.transpose(r1);
}

export interface PrunedLayer {
  /** As the output stores it, for the stream to the next layer; disposed by the caller. */
  readonly layer: DecoderLayer;
  readonly stored: readonly TensorData[];
  /** Stored weights, decoded. */
  readonly written: Readonly<Record<Role, Float32Array>>;
}

/**
 * @param rotated as {@link rotatedLayer} gives it; it stays the caller's
 * @param stream enters the layer; null for magnitude
 */
export async function pruneLayer(
  run: Run,
  index: number,
  rotated: DecoderLayer,
  stream: StreamReader | null,
  note: (fallback: Fallback) => void,
): Promise<PrunedLayer> {
  const { progress } = run;
  const stored: TensorData[] = [];
  const written: Partial<Record<Role, Float32Array>> = {};
  const encoded = new Map<Role, Uint8Array>();
  const keep = async (name: string, t: tf.Tensor): Promise<Float32Array> => {
    const dtype = run.dtypeOf(name);
    const data = encodeFloats(dtype, await t.data<"float32">());
    stored.push({ name, dtype, shape: t.shape, data });
    return decodeFloats(dtype, data);
  };

  // From here on the layer is what will be stored, rounded, matrix by matrix as they are pruned.
  const matrices: Record<Role, tf.Tensor2D> = { ...rotated.matrices };
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of ROLES) {
    const bias = rotated.biases[role];
    if (!bias) continue;
    // Biases that no rotation reaches are copied with the other tensors that stay as they are.
    biases[role] = turnedBiases(run.recipe).includes(role)
      ? tf.tensor1d(await keep(biasName(index, role), bias))
      : bias.clone();
  }
  await keep(inputNormName(index), rotated.inputNorm);
  await keep(postAttentionNormName(index), rotated.postAttentionNorm);
  let entry = rotated.entry;
  if (entry && index > 0) {
    entry = tf.tensor2d(await keep(boundaryName(index), entry), entry.shape);
  } else if (entry) {
    entry = entry.clone();
  }
  const layer = (): DecoderLayer => ({
    matrices,
    biases,
    inputNorm: rotated.inputNorm,
    postAttentionNorm: rotated.postAttentionNorm,
    headNorms: rotated.headNorms,
    entry,
  });

  for (const [g, group] of PRUNE_GROUPS.entries()) {
    const kind = INPUT_OF[group[0] ?? "q"];
    const passes = {
      layer: layer(),
      index,
      context: run.context,
      signal: run.signal,
      onProgress: (share: number) => {
        progress.at((g + share * 0.9) / PRUNE_GROUPS.length);
      },
    };
    const hessian = stream ? (await collectHessians(stream, [kind], passes))[kind] : null;
    const prepared = await prepareInput(run, index, group, hessian, note);
    for (const role of group) {
      const pruned = pruneMatrix(run, index, role, matrices[role], prepared);
      const dtype = run.dtypeOf(weightPlace(run.model.config, index, role).name);
      const data = encodeFloats(dtype, await pruned.data<"float32">());
      const values = decodeFloats(dtype, data);
      encoded.set(role, data);
      pruned.dispose();
      written[role] = values;
      if (matrices[role] !== rotated.matrices[role]) matrices[role].dispose();
      matrices[role] = tf.tensor2d(values, matrices[role].shape);
    }
    hessian?.dispose();
    prepared.damped?.factor.dispose();
  }
  stored.push(...storedTensors(run, index, encoded));
  return {
    layer: {
      ...layer(),
      inputNorm: rotated.inputNorm.clone(),
      postAttentionNorm: rotated.postAttentionNorm.clone(),
      headNorms: clonedHeadNorms(rotated),
    },
    stored,
    written: written as Record<Role, Float32Array>,
  };
}

/** The layer's matrices as the checkpoint lays them out: roles that share a tensor one below the other. */
function storedTensors(
  run: Run,
  index: number,
  encoded: ReadonlyMap<Role, Uint8Array>,
): TensorData[] {
  const { config } = run.model;
  return storedMatrices(config, index).map(({ name, roles }) => {
    const parts = roles.map((role) => encoded.get(role) ?? new Uint8Array());
    const rows = roles.reduce((sum, role) => sum + matrixShape(role, config.shape)[0], 0);
    const columns = matrixShape(roles[0] ?? "q", config.shape)[1];
    const data = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    return { name, dtype: run.dtypeOf(name), shape: [rows, columns], data };
  });
}

/** What the matrices of one group share: the Hessian of their input, for SparseGPT factorised. */
interface PreparedInput {
  readonly hessian: tf.Tensor2D | null;
  readonly damped: DampedFactor | null;
}

async function prepareInput(
  { recipe: { method, damping } }: Run,
  layer: number,
  [first]: readonly Role[],
  hessian: tf.Tensor2D | null,
  note: (fallback: Fallback) => void,
): Promise<PreparedInput> {
  if (method !== "sparsegpt" || !hessian || !first) return { hessian, damped: null };
  const damped = await dampedFactor(hessian, damping);
  if (damped.damping > damping) {
    const what = `damping raised from ${damping} to ${damped.damping}: the Hessian was not positive definite`;
    note({ layer, role: first, what });
  }
  return { hessian, damped };
}

function pruneMatrix(
  run: Run,
  layer: number,
  role: Role,
  w: tf.Tensor2D,
  { hessian, damped }: PreparedInput,
): tf.Tensor2D {
  const { method, blockSize } = run.recipe;
  const pattern = run.budget.matrixPattern(layer, role);
  if (method === "magnitude") return pruneMagnitude(w, pattern).weights;
  if (method === "wanda" && hessian) return pruneWanda(w, hessian, pattern).weights;
  if (damped) return pruneWithFactor(w, damped, { pattern, blockSize }).weights;
  throw new RangeError(`${method} needs a Hessian`);
}
