/** What is known of a tensor, in words. */
import { format } from "../../charts/index.ts";
import { exactly } from "../../matrix/index.ts";
import type { InspectionView, StatisticsView, TensorView } from "../../messages.ts";
import { patternName } from "../../../daemon/vocabulary.ts";

export interface Fact {
  readonly term: string;
  readonly words: string;
}

/** Float types whose values can be drawn. */
export const isFloat = (dtype: string): boolean => /^(F64|F32|F16|BF16|F8_\w+)$/.test(dtype);

export const elements = ({ shape }: TensorView): number => shape.reduce((n, size) => n * size, 1);

export function headerFacts(tensor: TensorView, { files }: InspectionView): Fact[] {
  const file = files[tensor.file]?.path ?? "";
  return [
    { term: "Type", words: tensor.dtype },
    { term: "Shape", words: tensor.shape.length === 0 ? "scalar" : tensor.shape.join(" × ") },
    { term: "Elements", words: format.count(elements(tensor)) },
    { term: "Size", words: format.bytes(tensor.bytes) },
    { term: "File", words: file.split(/[\\/]/).at(-1) ?? file },
    { term: "First byte", words: format.count(tensor.offset) },
  ];
}

export function statisticsFacts({ statistics: s }: StatisticsView): Fact[] {
  const value = (v: number | null): string => (v === null ? "–" : exactly(v));
  return [
    { term: "Zeros", words: `${format.count(s.zeros)}, ${format.percent(s.zerosFraction, 2)}` },
    ...(s.pattern === null
      ? []
      : [{ term: "Pattern along the last dimension", words: patternName(s.pattern) }]),
    { term: "Least", words: value(s.min) },
    { term: "Largest", words: value(s.max) },
    { term: "Mean", words: value(s.mean) },
    { term: "Standard deviation", words: value(s.std) },
    ...(s.nan === 0 ? [] : [{ term: "Not a number", words: format.count(s.nan) }]),
    ...(s.inf === 0 ? [] : [{ term: "Infinite", words: format.count(s.inf) }]),
  ];
}
