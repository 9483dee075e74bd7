// CUDA C as g++ sees it: the part of the language that our kernels use. Nothing is included, so that a name that
// NVRTC does not have is missing here too.
#pragma once
#include "module.hpp"

#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __constant__ static
#define __shared__ static __attribute__((section("emulated_shared")))
// Read and taken away by nvrtc.cpp, once macros are expanded.
#define __launch_bounds__(threads, ...) EMULATED_BOUND(threads)
#define __align__(n) __attribute__((aligned(n)))
#define __CUDA_ARCH__ (10 * EMULATED_ARCHITECTURE)

typedef unsigned char u8;
typedef int i32;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size_t;

// What prelude.cu defines on a real device.
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define FLT_MAX __FLT_MAX__
#define FLT_MIN __FLT_MIN__
#define INT_MAX __INT_MAX__

extern "C" unsigned char __start_emulated_shared[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char __stop_emulated_shared[] __attribute__((weak, visibility("hidden")));

extern "C" {
float expf(float), exp2f(float), exp10f(float), expm1f(float), logf(float), log2f(float), log10f(float),
    log1pf(float), sqrtf(float), cbrtf(float), sinf(float), cosf(float), tanf(float), asinf(float), acosf(float),
    atanf(float), sinhf(float), coshf(float), tanhf(float), asinhf(float), acoshf(float), atanhf(float), erff(float),
    erfcf(float), floorf(float), ceilf(float), rintf(float), roundf(float), truncf(float), nearbyintf(float),
    fabsf(float);
float powf(float, float), fmodf(float, float), atan2f(float, float), fmaxf(float, float), fminf(float, float),
    copysignf(float, float), hypotf(float, float), ldexpf(float, int);
float fmaf(float, float, float);
void sincosf(float, float*, float*);
double exp(double), log(double), sqrt(double), floor(double), ceil(double), fabs(double), pow(double, double),
    fma(double, double, double), fmax(double, double), fmin(double, double), tanh(double), rint(double);
int abs(int);
}

namespace {

EmulatedIndex threadIdx, blockIdx, blockDim, gridDim;
const int warpSize = 32;
const EmulatedRuntime* emulated_runtime;
unsigned char* emulated_dynamic_shared;

#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(emulated_dynamic_shared)
#define __syncthreads() emulated_runtime->block_barrier(__LINE__)

template <class To, class From>
inline To emulated_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "sizes differ");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
template <class T>
inline unsigned long long emulated_word(T value) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  unsigned long long word = 0;
  __builtin_memcpy(&word, &value, sizeof value);
  return word;
}
template <class T>
inline T emulated_shuffle(int operation, unsigned mask, T value, int argument, int width) {
  unsigned long long word =
      emulated_runtime->warp(operation, mask, emulated_word(value), argument, width);
  T result;
  __builtin_memcpy(&result, &word, sizeof result);
  return result;
}
template <class T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return emulated_shuffle(WARP_SHUFFLE, mask, value, lane, width);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return emulated_shuffle(WARP_SHUFFLE_UP, mask, value, (int)delta, width);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return emulated_shuffle(WARP_SHUFFLE_DOWN, mask, value, (int)delta, width);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  return emulated_shuffle(WARP_SHUFFLE_XOR, mask, value, lanes, width);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return (unsigned)emulated_runtime->warp(WARP_BALLOT, mask, predicate != 0, 0, 32);
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  emulated_runtime->warp(WARP_SYNC, mask, 0, 0, 32);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; i++) reversed |= ((x >> i) & 1u) << (31 - i);
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)(((unsigned long long)a * b) >> 32);
}
inline float __uint_as_float(unsigned x) { return emulated_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return emulated_bits<unsigned>(x); }
inline float __int_as_float(int x) { return emulated_bits<float>(x); }
inline int __float_as_int(float x) { return emulated_bits<int>(x); }
inline int __float2int_rn(float x) { return (int)rintf(x); }
inline int __float2int_rz(float x) { return (int)x; }
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }
template <class T>
inline T __ldg(const T* at) {
  return *at;
}
template <class T>
inline T __ldcs(const T* at) {
  return *at;
}
template <class T>
inline void __stcs(T* at, T value) {
  *at = value;
}

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
// Volatile: the compiler must not contract these with what follows.
inline float __fadd_rn(float a, float b) {
  volatile float sum = a + b;
  return sum;
}
inline float __fsub_rn(float a, float b) {
  volatile float difference = a - b;
  return difference;
}
inline float __fmul_rn(float a, float b) {
  volatile float product = a * b;
  return product;
}
inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool signbit(float x) { return __builtin_signbit(x); }

#define EMULATED_MIN_MAX(T)                          \
  inline T min(T a, T b) { return b < a ? b : a; }   \
  inline T max(T a, T b) { return a < b ? b : a; }
EMULATED_MIN_MAX(int)
EMULATED_MIN_MAX(unsigned)
EMULATED_MIN_MAX(long)
EMULATED_MIN_MAX(unsigned long)
EMULATED_MIN_MAX(long long)
EMULATED_MIN_MAX(unsigned long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

// One thread runs at a time, so plain operations are atomic.
#define EMULATED_ATOMIC(name, T, result) \
  inline T name(T* at, T value) {        \
    T old = *at;                         \
    *at = (result);                      \
    return old;                          \
  }
#define EMULATED_INTEGER_ATOMICS(T)                                       \
  EMULATED_ATOMIC(atomicAdd, T, old + value)                              \
  EMULATED_ATOMIC(atomicMin, T, value < old ? value : old)                \
  EMULATED_ATOMIC(atomicMax, T, old < value ? value : old)                \
  EMULATED_ATOMIC(atomicAnd, T, old& value)                               \
  EMULATED_ATOMIC(atomicOr, T, old | value)                               \
  EMULATED_ATOMIC(atomicXor, T, old ^ value)                              \
  EMULATED_ATOMIC(atomicExch, T, value)                                   \
  inline T atomicCAS(T* at, T expected, T value) {                        \
    T old = *at;                                                          \
    if (old == expected) *at = value;                                     \
    return old;                                                           \
  }
EMULATED_INTEGER_ATOMICS(int)
EMULATED_INTEGER_ATOMICS(unsigned)
EMULATED_INTEGER_ATOMICS(unsigned long long)
EMULATED_ATOMIC(atomicAdd, float, old + value)
EMULATED_ATOMIC(atomicExch, float, value)
EMULATED_ATOMIC(atomicAdd, double, old + value)
EMULATED_ATOMIC(atomicSub, int, old - value)
EMULATED_ATOMIC(atomicSub, unsigned, old - value)

#define EMULATED_VECTORS(T, name, align2, align4)                                      \
  struct align2 name##2 {                                                              \
    T x, y;                                                                            \
  };                                                                                   \
  struct name##3 {                                                                     \
    T x, y, z;                                                                         \
  };                                                                                   \
  struct align4 name##4 {                                                              \
    T x, y, z, w;                                                                      \
  };                                                                                   \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                           \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                   \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMULATED_VECTORS(float, float, alignas(8), alignas(16))
EMULATED_VECTORS(int, int, alignas(8), alignas(16))
EMULATED_VECTORS(unsigned, uint, alignas(8), alignas(16))
EMULATED_VECTORS(unsigned char, uchar, alignas(2), alignas(4))
EMULATED_VECTORS(unsigned short, ushort, alignas(4), alignas(8))

// Parameters, packed as C lays out a struct of them.
constexpr unsigned long long emulated_align(unsigned long long at, unsigned long long to) {
  return (at + to - 1) / to * to;
}
template <class... Parameters>
struct EmulatedLayout {
  unsigned long long offsets[sizeof...(Parameters) + 1];
  unsigned long long end;
  constexpr EmulatedLayout() : offsets(), end(0) {
    const unsigned long long sizes[] = {sizeof(Parameters)..., 0};
    const unsigned long long aligns[] = {alignof(Parameters)..., 1};
    for (unsigned i = 0; i < sizeof...(Parameters); i++) {
      offsets[i] = emulated_align(end, aligns[i]);
      end = offsets[i] + sizes[i];
    }
  }
};
template <int... I>
struct EmulatedIndices {};
template <class... Parameters, int... I>
inline void emulated_call(void (*kernel)(Parameters...), const unsigned char* packed,
                          EmulatedIndices<I...>) {
  constexpr EmulatedLayout<Parameters...> layout;
  (void)packed;
  kernel(*reinterpret_cast<const Parameters*>(packed + layout.offsets[I])...);
}
template <class... Parameters>
inline void emulated_call(void (*kernel)(Parameters...), const unsigned char* packed) {
  emulated_call(kernel, packed, EmulatedIndices<__integer_pack(sizeof...(Parameters))...>());
}
template <class T>
constexpr bool emulated_is_pointer = false;
template <class T>
constexpr bool emulated_is_pointer<T*> = true;
template <class... Parameters>
struct EmulatedPointers {
  unsigned long long offsets[sizeof...(Parameters) + 1];
  int count;
  constexpr EmulatedPointers() : offsets(), count(0) {
    constexpr EmulatedLayout<Parameters...> layout;
    constexpr bool is_pointer[] = {emulated_is_pointer<Parameters>..., false};
    for (unsigned i = 0; i < sizeof...(Parameters); i++) {
      if (is_pointer[i]) offsets[count++] = layout.offsets[i];
    }
  }
};
template <class... Parameters>
constexpr EmulatedPointers<Parameters...> emulated_pointers{};
template <class... Parameters>
constexpr EmulatedKernel emulated_kernel(const char* name, void (*call)(const unsigned char*), void (*)(Parameters...),
                                         unsigned most_threads) {
  constexpr const auto& pointers = emulated_pointers<Parameters...>;
  return {name, call, EmulatedLayout<Parameters...>().end, pointers.offsets, pointers.count, most_threads};
}

}  // namespace
