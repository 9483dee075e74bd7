/**
 * The element types of the safetensors format.
 *
 * Source: the format's reference implementation (`safetensors/src/tensor.rs`, `enum Dtype`, 0.6). The order of the
 * table is that enum's order, which the reference writer sorts by (descending) so that wider types come first and
 * every tensor stays aligned.
 */

export interface DTypeInfo {
  /** Size of one element in bits; 4 and 6 for the packed microscaling types. */
  readonly bits: number;
  /**
   * `weight` types are read and written as network weights, `float8` types can be read for inspection, `integer`
   * types (with BOOL) have statistics, `opaque` types only pass through.
   */
  readonly kind: "weight" | "float8" | "integer" | "opaque";
}

const TABLE = {
  BOOL: { bits: 8, kind: "integer" },
  F4: { bits: 4, kind: "opaque" },
  F6_E2M3: { bits: 6, kind: "opaque" },
  F6_E3M2: { bits: 6, kind: "opaque" },
  U8: { bits: 8, kind: "integer" },
  I8: { bits: 8, kind: "integer" },
  F8_E5M2: { bits: 8, kind: "float8" },
  F8_E4M3: { bits: 8, kind: "float8" },
  F8_E8M0: { bits: 8, kind: "float8" },
  F8_E4M3FNUZ: { bits: 8, kind: "float8" },
  F8_E5M2FNUZ: { bits: 8, kind: "float8" },
  I16: { bits: 16, kind: "integer" },
  U16: { bits: 16, kind: "integer" },
  F16: { bits: 16, kind: "weight" },
  BF16: { bits: 16, kind: "weight" },
  I32: { bits: 32, kind: "integer" },
  U32: { bits: 32, kind: "integer" },
  F32: { bits: 32, kind: "weight" },
  C64: { bits: 64, kind: "opaque" },
  F64: { bits: 64, kind: "weight" },
  I64: { bits: 64, kind: "integer" },
  U64: { bits: 64, kind: "integer" },
} as const satisfies Record<string, DTypeInfo>;

type KindOf<K extends DTypeInfo["kind"]> = {
  [D in keyof typeof TABLE]: (typeof TABLE)[D]["kind"] extends K ? D : never;
}[keyof typeof TABLE];

/** Name of an element type as it stands in a header. */
export type DType = keyof typeof TABLE;
/** Types a network's weights may have here: F64, F32, F16, BF16. */
export type WeightDType = KindOf<"weight">;
/** Types that decode to float32 values: the weight types and the 8-bit floats. */
export type FloatDType = KindOf<"weight" | "float8">;

const INFO: Readonly<Record<DType, DTypeInfo>> = TABLE;

/** Every type, in the reference implementation's order (ascending alignment). */
export const DTYPES: readonly DType[] = Object.keys(TABLE) as DType[];

const RANK: ReadonlyMap<string, number> = new Map(DTYPES.map((d, i) => [d, i]));

export const dtypeInfo = (dtype: DType): DTypeInfo => INFO[dtype];

/** Position in the reference implementation's order. */
export const dtypeRank = (dtype: DType): number => RANK.get(dtype) ?? -1;

export const isDType = (value: unknown): value is DType =>
  typeof value === "string" && RANK.has(value);

export const isWeightDType = (dtype: DType): dtype is WeightDType => INFO[dtype].kind === "weight";

export const isFloatDType = (dtype: DType): dtype is FloatDType =>
  INFO[dtype].kind === "weight" || INFO[dtype].kind === "float8";

/** Every type but the packed and complex ones: those that have statistics here. */
export type NumericDType = KindOf<"weight" | "float8" | "integer">;

export const isNumericDType = (dtype: DType): dtype is NumericDType =>
  INFO[dtype].kind !== "opaque";

/** Product of the dimensions (1 for a scalar), or null where it is not a safe integer at some point. */
export function elementCount(shape: readonly number[]): number | null {
  let n = 1;
  for (const size of shape) {
    n *= size;
    if (!Number.isSafeInteger(n)) return null;
  }
  return n;
}

/**
 * Bytes of `elements` values, `"misaligned"` where packed sub-byte values do not fill whole bytes (the reference
 * refuses them too), `"overflow"` where the size is not a safe integer.
 */
export function byteCount(dtype: DType, elements: number): number | "misaligned" | "overflow" {
  const bits = elements * INFO[dtype].bits;
  if (!Number.isSafeInteger(bits)) return "overflow";
  return bits % 8 === 0 ? bits / 8 : "misaligned";
}
