// What every program of this folder starts with: grid-stride indices, groups of four, strided positions.

// Four neighbours in memory, moved by one instruction.
template <class T>
struct alignas(4 * sizeof(T)) Four {
  T at[4];
};

__device__ inline i64 firstIndex() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 indexStep() { return (i64)gridDim.x * blockDim.x; }

template <class T>
__device__ inline Four<T> splat(T value) {
  Four<T> four;
  for (int k = 0; k < 4; k++) four.at[k] = value;
  return four;
}

// W values from `at` on, or one value W times over where `step` is 0.
template <class T, int W>
struct Lanes {
  static __device__ inline Four<T> load(const T* x, i64 at, i32 step) {
    return step ? *(const Four<T>*)(x + at) : splat(x[at]);
  }
  static __device__ inline void store(T* out, i64 at, const Four<T>& value) {
    *(Four<T>*)(out + at) = value;
  }
};

template <class T>
struct Lanes<T, 1> {
  static __device__ inline Four<T> load(const T* x, i64 at, i32) {
    Four<T> four;
    four.at[0] = x[at];
    return four;
  }
  static __device__ inline void store(T* out, i64 at, const Four<T>& value) { out[at] = value.at[0]; }
};
