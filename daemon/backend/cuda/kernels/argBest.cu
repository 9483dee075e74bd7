// The place of the largest or the smallest of each row; of equals the first; never that of not-a-number, unless it
// is the row's first. A warp a row, 8 rows a block of 256.
template <class T>
__device__ inline void argBest(const T* x, i32* out, i64 rows, i64 length, bool largest) {
  const i32 lane = threadIdx.x % 32;
  for (i64 start = (i64)blockIdx.x * 8; start < rows; start += (i64)gridDim.x * 8) {
    const i64 row = start + threadIdx.x / 32;
    T best = (T)0;
    i32 place = -1;
    if (row < rows) {
      const T* from = x + row * length;
      for (i64 j = lane; j < length; j += 32) {
        const T value = from[j];
        if (value == value && (place < 0 || (largest ? value > best : value < best))) {
          best = value;
          place = (i32)j;
        }
      }
    }
    for (i32 mask = 16; mask > 0; mask >>= 1) {
      const T value = __shfl_xor_sync(0xffffffffu, best, mask);
      const i32 other = __shfl_xor_sync(0xffffffffu, place, mask);
      const bool better = place < 0 || (largest ? value > best : value < best) || (value == best && other < place);
      if (other >= 0 && better) {
        best = value;
        place = other;
      }
    }
    if (row < rows && lane == 0) {
      const T first = x[row * length];
      out[row] = first != first || place < 0 ? 0 : place;
    }
  }
}
extern "C" __global__ void argBest_float(const float* x, i32* out, i64 rows, i64 length, i32 largest) {
  argBest(x, out, rows, length, largest != 0);
}
extern "C" __global__ void argBest_int(const i32* x, i32* out, i64 rows, i64 length, i32 largest) {
  argBest(x, out, rows, length, largest != 0);
}
