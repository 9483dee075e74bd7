/** Exports of `kernels.wasm`; all arguments are addresses and counts. `group` 0 = whole rows. */
export interface Kernels {
  entropyRows(
    w: number,
    c: number,
    rows: number,
    cols: number,
    gradW: number,
    gradC: number,
  ): number;
  entropyColumns(
    w: number,
    c: number,
    rows: number,
    cols: number,
    gradW: number,
    scratch: number,
  ): number;
  prunedMass(
    w: number,
    c: number,
    rows: number,
    cols: number,
    count: number,
    group: number,
    temperature: number,
    gradW: number,
    gradC: number,
    scratch: number,
  ): number;
  selectLowest(
    scores: number,
    rows: number,
    cols: number,
    count: number,
    group: number,
    mask: number,
    scratch: number,
  ): void;
  sparsegptBlock(
    weights: number,
    errors: number,
    u: number,
    mask: number,
    rows: number,
    b: number,
    count: number,
    group: number,
    chosen: number,
  ): void;
  transposeMatrices(x: number, out: number, batch: number, rows: number, cols: number): void;
  multiplyInto(y: number, x: number, count: number): void;
  decodeBF16(codes: number, out: number, count: number): void;
  decodeF16(codes: number, out: number, count: number): void;
  roundBF16(x: number, codes: number, count: number): void;
  roundF16(x: number, codes: number, count: number): void;
}
