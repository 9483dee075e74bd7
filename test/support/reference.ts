/**
 * An independent forward pass in float64 and plain loops, straight from the papers: RMSNorm, RoPE, grouped-query
 * causal attention with an optional window and norms on its heads, SwiGLU. Slow and obvious, for tests to compare with.
 */
import type { InputKind, LayerShape, Role } from "../../daemon/vocabulary.ts";

export type Matrix = readonly Float64Array[];

export interface ReferenceLayer {
  readonly matrices: Readonly<Record<Role, Matrix>>;
  readonly biases: Readonly<Partial<Record<Role, Float64Array>>>;
  readonly inputNorm: Float64Array;
  readonly postNorm: Float64Array;
  /** Gains of the norms on every head of q and k, where the family has them. */
  readonly headNorms: { readonly q: Float64Array; readonly k: Float64Array } | null;
  readonly window: number | null;
}

export interface ReferenceModel {
  readonly shape: LayerShape;
  readonly eps: number;
  /** Angle of pair i at position t. */
  readonly angle: (t: number, i: number) => number;
  readonly embedding: Matrix;
  readonly layers: readonly ReferenceLayer[];
  readonly norm: Float64Array;
  readonly head: Matrix;
}

const at = (v: Float64Array | undefined, i: number): number => v?.[i] ?? NaN;

export function times(w: Matrix, x: Float64Array, bias?: Float64Array): Float64Array {
  return Float64Array.from(w, (row, r) => {
    let sum = bias?.[r] ?? 0;
    for (let i = 0; i < x.length; i++) sum += at(row, i) * at(x, i);
    return sum;
  });
}

function normed(x: Float64Array, gain: Float64Array, eps: number): Float64Array {
  let squares = 0;
  for (const v of x) squares += v * v;
  const scale = 1 / Math.sqrt(squares / x.length + eps);
  return x.map((v, i) => v * scale * at(gain, i));
}

const added = (a: Float64Array, b: Float64Array) => a.map((v, i) => v + at(b, i));

/** Is shown what q/k/v, o, gate/up and down of each layer read, some tokens at a time. */
export type SeeInputs = (layer: number, kind: InputKind, inputs: readonly Float64Array[]) => void;

/** Logits `[T][V]`. */
export function referenceLogits(
  model: ReferenceModel,
  ids: readonly number[],
  see: SeeInputs = () => undefined,
): Float64Array[] {
  let stream: Float64Array[] = ids.map((id) => Float64Array.from(model.embedding[id] ?? []));
  for (const [i, layer] of model.layers.entries()) {
    stream = referenceLayer(model, layer, stream, (kind, inputs) => {
      see(i, kind, inputs);
    });
  }
  return stream.map((x) => times(model.head, normed(x, model.norm, model.eps)));
}

function referenceLayer(
  model: ReferenceModel,
  layer: ReferenceLayer,
  stream: Float64Array[],
  see: (kind: InputKind, inputs: readonly Float64Array[]) => void,
): Float64Array[] {
  const { heads, kvHeads, headDim } = model.shape;
  const { matrices: m, biases: b, window } = layer;
  const inputs = stream.map((x) => normed(x, layer.inputNorm, model.eps));
  see("qkv", inputs);
  const rotated = (x: Float64Array, t: number, n: number): Float64Array => {
    const y = Float64Array.from(x);
    for (let h = 0; h < n; h++) {
      for (let i = 0; i < headDim / 2; i++) {
        const [lo, hi] = [h * headDim + i, h * headDim + i + headDim / 2];
        const angle = model.angle(t, i);
        y[lo] = at(x, lo) * Math.cos(angle) - at(x, hi) * Math.sin(angle);
        y[hi] = at(x, hi) * Math.cos(angle) + at(x, lo) * Math.sin(angle);
      }
    }
    return y;
  };
  const perHead = (x: Float64Array, gain: Float64Array | undefined): Float64Array => {
    if (!gain) return x;
    const y = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += headDim) {
      y.set(normed(x.subarray(from, from + headDim), gain, model.eps), from);
    }
    return y;
  };
  const norms = layer.headNorms;
  const q = inputs.map((x, t) => rotated(perHead(times(m.q, x, b.q), norms?.q), t, heads));
  const k = inputs.map((x, t) => rotated(perHead(times(m.k, x, b.k), norms?.k), t, kvHeads));
  const v = inputs.map((x) => times(m.v, x, b.v));
  return stream.map((x, t) => {
    const attended = new Float64Array(heads * headDim);
    for (let h = 0; h < heads; h++) {
      const g = Math.floor((h * kvHeads) / heads);
      const first = window === null ? 0 : Math.max(0, t - window + 1);
      const scores: number[] = [];
      for (let s = first; s <= t; s++) {
        let dot = 0;
        for (let i = 0; i < headDim; i++) {
          dot += at(q[t], h * headDim + i) * at(k[s], g * headDim + i);
        }
        scores.push(dot / Math.sqrt(headDim));
      }
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, w) => sum + w, 0);
      weights.forEach((w, s) => {
        for (let i = 0; i < headDim; i++) {
          const j = h * headDim + i;
          attended[j] = at(attended, j) + (w / total) * at(v[first + s], g * headDim + i);
        }
      });
    }
    see("o", [attended]);
    const middle = added(x, times(m.o, attended, b.o));
    const ffn = normed(middle, layer.postNorm, model.eps);
    see("mlp", [ffn]);
    const up = times(m.up, ffn, b.up);
    const hidden = times(m.gate, ffn, b.gate).map((g, i) => (g / (1 + Math.exp(-g))) * at(up, i));
    see("down", [hidden]);
    return added(middle, times(m.down, hidden, b.down));
  });
}
