/**
 * out [batch, cols, rows] ← x [batch, rows, cols]ᵀ. In tiles, so that the lines of the cache that a column touches
 * are used whole; four by four in registers.
 */
const TILE: i32 = 32;

export function transposeMatrices(x: usize, out: usize, batch: i32, rows: i32, cols: i32): void {
  const size = (<usize>rows * <usize>cols) << 2;
  for (let index = 0; index < batch; index++, x += size, out += size) {
    for (let i = 0; i < rows; i += TILE) {
      for (let j = 0; j < cols; j += TILE) {
        tile(x, out, rows, cols, i, min(i + TILE, rows), j, min(j + TILE, cols));
      }
    }
  }
}

function tile(
  x: usize,
  out: usize,
  rows: i32,
  cols: i32,
  top: i32,
  bottom: i32,
  left: i32,
  right: i32,
): void {
  const width = (<usize>cols) << 2;
  const height = (<usize>rows) << 2;
  const bottom4 = top + ((bottom - top) & ~3);
  const right4 = left + ((right - left) & ~3);
  for (let i = top; i < bottom4; i += 4) {
    for (let j = left; j < right4; j += 4) {
      fourByFour(
        x + <usize>i * width + ((<usize>j) << 2),
        width,
        out + <usize>j * height + ((<usize>i) << 2),
        height,
      );
    }
    for (let j = right4; j < right; j++) {
      for (let k = i; k < i + 4; k++) copy(x, width, out, height, k, j);
    }
  }
  for (let i = bottom4; i < bottom; i++) {
    for (let j = left; j < right; j++) copy(x, width, out, height, i, j);
  }
}

function copy(x: usize, width: usize, out: usize, height: usize, i: i32, j: i32): void {
  const value = f32.load(x + <usize>i * width + ((<usize>j) << 2));
  f32.store(out + <usize>j * height + ((<usize>i) << 2), value);
}

function fourByFour(x: usize, width: usize, out: usize, height: usize): void {
  const a = v128.load(x);
  const b = v128.load(x + width);
  const c = v128.load(x + 2 * width);
  const d = v128.load(x + 3 * width);
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(out + height, v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(out + 2 * height, v128.shuffle<i64>(ab2, cd2, 0, 2));
  v128.store(out + 3 * height, v128.shuffle<i64>(ab2, cd2, 1, 3));
}
