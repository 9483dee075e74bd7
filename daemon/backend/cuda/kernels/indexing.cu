// By index: rows gathered, summed by segment.

struct alignas(16) Wide {
  u32 part[4];
};
__device__ inline Wide nothing(const Wide*) {
  Wide zero;
  for (int k = 0; k < 4; k++) zero.part[k] = 0;
  return zero;
}
template <class T>
__device__ inline T nothing(const T*) { return (T)0; }

// out[b, o, i, :] = x[b, o, indices[b, i], :], `inner` elements each; 0 where an index is out of range: the device
// cannot throw.
#define GATHER(ENTRY, T)                                                                                   \
  extern "C" __global__ void ENTRY(const T* x, const i32* indices, T* out, i64 count, i64 outer, i64 size, \
                                   i64 chosen, i64 inner) {                                                \
    for (i64 i = firstIndex(); i < count; i += indexStep()) {                                              \
      const i64 row = i / inner, within = i - row * inner;                                                 \
      const i64 block = row / chosen, which = row - block * chosen;                                        \
      const i64 index = indices[block / outer * chosen + which];                                           \
      const bool inside = index >= 0 && index < size;                                                      \
      out[i] = inside ? x[(block * size + index) * inner + within] : nothing(x);                           \
    }                                                                                                      \
  }
GATHER(gather_16, Wide)
GATHER(gather_4, u32)
GATHER(gather_1, u8)

// The offset that one row of `depth` coordinates names, or −1 outside; `strides` has the extents first.
__device__ inline i64 offsetOf(const i32* coordinates, const i32* extentsAndStrides, i32 depth) {
  i64 offset = 0;
  for (i32 k = 0; k < depth; k++) {
    const i32 at = coordinates[k];
    if (at < 0 || at >= extentsAndStrides[k]) return -1;
    offset += (i64)at * extentsAndStrides[depth + k];
  }
  return offset;
}

// out[i, :] = x[coordinates[i]], :]
#define GATHER_ND(ENTRY, T)                                                                                \
  extern "C" __global__ void ENTRY(const T* x, const i32* coordinates, const i32* extents, T* out,         \
                                   i64 count, i32 depth, i64 inner) {                                      \
    for (i64 i = firstIndex(); i < count; i += indexStep()) {                                              \
      const i64 row = i / inner;                                                                           \
      const i64 offset = offsetOf(coordinates + row * depth, extents, depth);                              \
      out[i] = offset < 0 ? (T)0 : x[offset * inner + (i - row * inner)];                                  \
    }                                                                                                      \
  }
GATHER_ND(gatherNd_4, u32)
GATHER_ND(gatherNd_1, u8)

// out[s, :] = Σ x[i, :] over ids[i] = s, in the order of i: the same sum at every run, which atomics would not
// give. One block of 256 threads a segment, a thread a column; y the columns' tiles.
#define SEGMENT_SUM(ENTRY, T)                                                                              \
  extern "C" __global__ void ENTRY(const T* x, const i32* ids, T* out, i64 rows, i64 width) {              \
    __shared__ i32 some[256];                                                                              \
    const i32 segment = blockIdx.x;                                                                        \
    for (i64 tile = blockIdx.y; tile * 256 < width; tile += gridDim.y) {                                   \
      const i64 column = tile * 256 + threadIdx.x;                                                         \
      T sum = (T)0;                                                                                        \
      for (i64 start = 0; start < rows; start += 256) {                                                    \
        __syncthreads();                                                                                   \
        some[threadIdx.x] = start + threadIdx.x < rows ? ids[start + threadIdx.x] : -1;                    \
        __syncthreads();                                                                                   \
        for (i32 k = 0; k < 256; k++) {                                                                    \
          if (some[k] == segment && column < width) sum += x[(start + k) * width + column];                \
        }                                                                                                  \
      }                                                                                                    \
      if (column < width) out[segment * width + column] = sum;                                             \
    }                                                                                                      \
  }
SEGMENT_SUM(segmentSum_float, float)
SEGMENT_SUM(segmentSum_int, i32)

// out[i, j] = j == indices[i] ? on : off, as bits
#define ONE_HOT(ENTRY, T)                                                                                  \
  extern "C" __global__ void ENTRY(const i32* indices, T* out, i64 count, i64 depth, u32 on, u32 off) {     \
    for (i64 i = firstIndex(); i < count; i += indexStep()) {                                              \
      const i64 row = i / depth;                                                                           \
      out[i] = (T)(i - row * depth == (i64)indices[row] ? on : off);                                       \
    }                                                                                                      \
  }
ONE_HOT(oneHot_4, u32)
ONE_HOT(oneHot_1, u8)
