/**
 * One layer from dense to finished: fold its rotation, prune group by group with fresh Hessians (true-sequential),
 * and round to what will be stored. What it returns is what the output holds.
 */
import * as tf from "@tensorflow/tfjs-core";
import { exactProduct, hasOwnMemory } from "../backend/index.ts";
import {
  dampedFactor,
  foldedMatrix,
  pruneMagnitude,
  pruneSparseGpt,
  pruneWanda,
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
import type { LayerFileWriter } from "./layerFile.ts";
import { turnedBiases } from "./outputPlan.ts";
import { rounded } from "./rounding.ts";
import type { Run } from "./run.ts";

/**
 * The rotated, unpruned layer; the caller disposes it with `disposeLayer`.
 * @param folded dense, norm gains folded; taken over
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
    tf.tidy(() => tf.reshape(exactProduct<tf.Tensor2D>(tf.reshape(b, [1, -1]), r1), b.shape));
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of ROLES) {
    const bias = others[role as keyof typeof others];
    if (bias) biases[role] = bias;
  }
  if (v) biases.v = rotateValueBias(v, r2);
  if (o) biases.o = turned(o);
  if (down) biases.down = turned(down);
  // One after the other: only one matrix is there twice.
  const matrices = { ...folded.matrices };
  for (const role of ROLES) {
    const w = matrices[role];
    matrices[role] = foldedMatrix(role, w, rotation, run.model.config.shape);
    w.dispose();
  }
  tf.dispose([v, o, down].filter((bias) => bias !== undefined));
  return {
    matrices,
    biases,
    inputNorm: folded.inputNorm,
    postAttentionNorm: folded.postAttentionNorm,
    // Queries and keys are not rotated, so their norms stay as they are.
    headNorms: folded.headNorms,
    entry: run.recipe.rotation.kind === "none" || !first ? null : changeOfBasis(r1, basis),
  };
}

/** `M` of `x Mᵀ` from the basis of the layer before into R1's: `Mᵀ = basisᵀ R1`. */
function changeOfBasis(r1: tf.Tensor2D, basis: tf.Tensor2D | null): tf.Tensor2D {
  return basis ? exactProduct(r1, basis, true, false) : tf.transpose(r1);
}

export interface PruneWatcher {
  note(fallback: Fallback): void;
  /** Sees each matrix before and after, as it is pruned; must not dispose them. */
  pruned(role: Role, rotated: tf.Tensor2D, stored: tf.Tensor2D): void;
  /** Takes what the output will hold of the layer. */
  readonly file: LayerFileWriter;
}

/**
 * @param rotated as {@link rotatedLayer} gives it; taken over, each matrix is freed when its successor is there
 * @param stream enters the layer; null for magnitude
 * @returns the layer as the output stores it, for the stream to the next; disposed by the caller
 */
export async function pruneLayer(
  run: Run,
  index: number,
  rotated: DecoderLayer,
  stream: StreamReader | null,
  watcher: PruneWatcher,
): Promise<DecoderLayer> {
  /** Takes `t` over and gives back what will be stored of it. */
  const store = async <T extends tf.Tensor>(name: string, t: T): Promise<T> => {
    const dtype = run.dtypeOf(name);
    const { bytes, tensor } = await rounded(dtype, t);
    watcher.file.store({ name, dtype, shape: tensor.shape }, [bytes]);
    return tensor;
  };

  // From here on the layer is what will be stored, rounded, matrix by matrix as they are pruned.
  const matrices: Record<Role, tf.Tensor2D> = { ...rotated.matrices };
  const biases: Partial<Record<Role, tf.Tensor1D>> = { ...rotated.biases };
  for (const role of ROLES) {
    const bias = biases[role];
    // Biases that no rotation reaches are copied with the other tensors that stay as they are.
    if (!bias || !turnedBiases(run.recipe).includes(role)) continue;
    biases[role] = await store(biasName(index, role), bias);
  }
  const layer = {
    matrices,
    biases,
    inputNorm: await store(inputNormName(index), rotated.inputNorm),
    postAttentionNorm: await store(postAttentionNormName(index), rotated.postAttentionNorm),
    headNorms: rotated.headNorms,
    // The first layer's change of basis is folded into the embedding.
    entry:
      rotated.entry && index > 0 ? await store(boundaryName(index), rotated.entry) : rotated.entry,
  };

  await pruneGroups(run, index, layer, stream, watcher);
  return layer;
}

/** @param layer its matrices are replaced by what will be stored, one after the other */
async function pruneGroups(
  run: Run,
  index: number,
  layer: DecoderLayer & { readonly matrices: Record<Role, tf.Tensor2D> },
  stream: StreamReader | null,
  watcher: PruneWatcher,
): Promise<void> {
  const { matrices } = layer;
  const storeMatrix = matrixStore(run, index, watcher);
  for (const [g, group] of PRUNE_GROUPS.entries()) {
    const kind = INPUT_OF[group[0] ?? "q"];
    const passes = {
      layer,
      index,
      context: run.context,
      signal: run.signal,
      attentionStays: kind !== "qkv",
      onProgress: (share: number) => {
        run.progress.at((g + share * 0.9) / PRUNE_GROUPS.length);
      },
    };
    const hessian = stream ? (await collectHessians(stream, [kind], passes))[kind] : null;
    const prepared = await prepareInput(run, index, group, hessian, watcher);
    for (const role of group) {
      const before = matrices[role];
      const { name } = weightPlace(run.model.config, index, role);
      const pruned = pruneMatrix(run, index, role, before, prepared);
      // Down's is the largest tensor of all: gone before anything is made of what was pruned.
      if (role === group.at(-1)) {
        prepared.hessian?.dispose();
        prepared.damped?.factor.dispose();
      }
      const { bytes, tensor } = await rounded(run.dtypeOf(name), pruned);
      storeMatrix(role, bytes);
      watcher.pruned(role, before, tensor);
      before.dispose();
      matrices[role] = tensor;
      // Where device and host share their memory, what runs ahead of the disk is only more of it.
      if (!hasOwnMemory()) await watcher.file.written();
    }
  }
}

/** Stores matrices as the checkpoint lays them out: roles that share a tensor one below the other. */
function matrixStore(
  run: Run,
  index: number,
  watcher: PruneWatcher,
): (role: Role, bytes: Promise<Uint8Array>) => void {
  const { config } = run.model;
  const tensors = storedMatrices(config, index);
  const waiting = new Map<Role, Promise<Uint8Array>>();
  return (role, bytes) => {
    waiting.set(role, bytes);
    const tensor = tensors.find(({ roles }) => roles.includes(role));
    const parts = tensor?.roles.flatMap((part) => waiting.get(part) ?? []);
    if (!tensor || parts?.length !== tensor.roles.length) return;
    for (const part of tensor.roles) waiting.delete(part);
    const rows = tensor.roles.reduce((sum, part) => sum + matrixShape(part, config.shape)[0], 0);
    const columns = matrixShape(role, config.shape)[1];
    const { name } = tensor;
    watcher.file.store({ name, dtype: run.dtypeOf(name), shape: [rows, columns] }, parts);
  };
}

/** What the matrices of one group share: the Hessian of their input, for SparseGPT factorised instead. */
interface PreparedInput {
  readonly hessian: tf.Tensor2D | null;
  readonly damped: DampedFactor | null;
}

/** Takes the Hessian over. */
async function prepareInput(
  { recipe: { method, damping } }: Run,
  layer: number,
  [first]: readonly Role[],
  hessian: tf.Tensor2D | null,
  watcher: PruneWatcher,
): Promise<PreparedInput> {
  if (method !== "sparsegpt" || !hessian || !first) return { hessian, damped: null };
  const damped = await dampedFactor(hessian, damping, () => {
    hessian.dispose();
  });
  if (damped.damping > damping) {
    const what = `damping raised from ${damping} to ${damped.damping}: the Hessian was not positive definite`;
    watcher.note({ layer, role: first, what });
  }
  return { hessian: null, damped };
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
  if (method === "magnitude") return pruneMagnitude(w, pattern);
  if (method === "wanda" && hessian) return pruneWanda(w, hessian, pattern);
  if (damped) return pruneSparseGpt(w, damped, { pattern, blockSize });
  throw new RangeError(`${method} needs a Hessian`);
}
