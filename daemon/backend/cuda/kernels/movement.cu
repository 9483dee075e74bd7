// Elements from place to place, by size only: 16, 4 or 1 bytes.
struct alignas(16) Wide {
  u32 part[4];
};

#define SIX_EXTENTS u32 d0, u32 d1, u32 d2, u32 d3, u32 d4, u32 d5
#define SIX_STRIDES(x) i64 x##0, i64 x##1, i64 x##2, i64 x##3, i64 x##4, i64 x##5
#define SIX(x) {x##0, x##1, x##2, x##3, x##4, x##5}

// out[Σ c·so] = x[Σ c·si] for all coordinates c below the last `rank` of six extents.
template <class T>
__device__ inline void copyStrided(const T* x, T* out, u32 count, i32 rank, const u32 (&d)[6], const i64 (&si)[6],
                                   const i64 (&so)[6]) {
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    u32 rest = i;
    i64 from = 0, to = 0;
#pragma unroll
    for (int k = 5; k >= 0; k--) {
      if (k >= 6 - rank) {
        const u32 next = rest / d[k];
        const u32 along = rest - next * d[k];
        from += along * si[k];
        to += along * so[k];
        rest = next;
      }
    }
    out[to] = x[from];
  }
}

#define COPY(ENTRY, T)                                                                                     \
  extern "C" __global__ void ENTRY(const T* x, T* out, u32 count, i32 rank, i64 offsetIn, i64 offsetOut,   \
                                   SIX_EXTENTS, SIX_STRIDES(i), SIX_STRIDES(o)) {                          \
    const u32 d[6] = SIX(d);                                                                               \
    const i64 si[6] = SIX(i), so[6] = SIX(o);                                                              \
    copyStrided<T>(x + offsetIn, out + offsetOut, count, rank, d, si, so);                                 \
  }
COPY(copy_16, Wide)
COPY(copy_4, u32)
COPY(copy_1, u8)

// Matrices [rows, cols] of a batch, through tiles in shared memory so that reads and writes both are whole lines.
// One block of 32 × 8 threads a tile of 32 × 32.
#define TRANSPOSE(ENTRY, T)                                                                                \
  extern "C" __global__ void ENTRY(const T* x, T* out, i32 rows, i32 cols, i32 tilesAcross, i32 tilesDown) { \
    __shared__ T tile[32][33];                                                                             \
    const i64 whole = (i64)rows * cols;                                                                    \
    const i64 tiles = (i64)tilesAcross * tilesDown;                                                        \
    const i64 matrix = blockIdx.x / tiles;                                                                 \
    const i32 position = (i32)(blockIdx.x - matrix * tiles);                                               \
    const i32 row = position / tilesAcross * 32, col = position % tilesAcross * 32;                        \
    const i32 across = threadIdx.x, down = threadIdx.y;                                                    \
    for (i32 k = down; k < 32; k += 8) {                                                                   \
      if (row + k < rows && col + across < cols) {                                                         \
        tile[k][across] = x[matrix * whole + (i64)(row + k) * cols + col + across];                        \
      }                                                                                                    \
    }                                                                                                      \
    __syncthreads();                                                                                       \
    for (i32 k = down; k < 32; k += 8) {                                                                   \
      if (col + k < cols && row + across < rows) {                                                         \
        out[matrix * whole + (i64)(col + k) * rows + row + across] = tile[across][k];                      \
      }                                                                                                    \
    }                                                                                                      \
  }
TRANSPOSE(transpose_4, u32)
TRANSPOSE(transpose_1, u8)

extern "C" __global__ void fill_4(u32* out, i64 n, u32 value) {
  const i64 fours = n >> 2;
  for (i64 i = firstIndex(); i < fours; i += indexStep()) ((Four<u32>*)out)[i] = splat(value);
  const i64 rest = 4 * fours + firstIndex();
  if (rest < n) out[rest] = value;
}

// out[i] = start + i·step
extern "C" __global__ void range_float(float* out, i64 n, float start, float step) {
  for (i64 i = firstIndex(); i < n; i += indexStep()) out[i] = start + (float)i * step;
}
extern "C" __global__ void range_int(i32* out, i64 n, i32 start, i32 step) {
  for (i64 i = firstIndex(); i < n; i += indexStep()) out[i] = start + (i32)i * step;
}

// out[i] = condition[i / inner] ? t[i] : e[i]
#define SELECT(ENTRY, T)                                                                                   \
  extern "C" __global__ void ENTRY(const u8* condition, const T* t, const T* e, T* out, i64 n, i64 inner) { \
    if (inner > 1) {                                                                                       \
      for (i64 i = firstIndex(); i < n; i += indexStep()) out[i] = condition[i / inner] ? t[i] : e[i];      \
      return;                                                                                              \
    }                                                                                                      \
    const i64 fours = n >> 2;                                                                              \
    for (i64 i = firstIndex(); i < fours; i += indexStep()) {                                              \
      const Four<u8> chosen = ((const Four<u8>*)condition)[i];                                             \
      const Four<T> yes = ((const Four<T>*)t)[i], no = ((const Four<T>*)e)[i];                             \
      Four<T> result;                                                                                      \
      for (int k = 0; k < 4; k++) result.at[k] = chosen.at[k] ? yes.at[k] : no.at[k];                      \
      ((Four<T>*)out)[i] = result;                                                                         \
    }                                                                                                      \
    const i64 rest = 4 * fours + firstIndex();                                                             \
    if (rest < n) out[rest] = condition[rest] ? t[rest] : e[rest];                                         \
  }
SELECT(select_4, u32)
SELECT(select_1, u8)
