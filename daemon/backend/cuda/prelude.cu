// In front of every program. NVRTC knows no host headers, so what is needed of them is defined here.
#ifndef EMULATED
typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef long long i64;
typedef unsigned long long u64;

#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define FLT_MAX 3.402823466e+38f
#define FLT_MIN 1.175494351e-38f
#define INT_MAX 2147483647

// Shared memory whose size the launch gives. All kernels of a program may use the same name with different types.
#define DYNAMIC_SHARED(type, name)                                      \
  extern __shared__ __align__(16) unsigned char name##_bytes[];         \
  type* name = reinterpret_cast<type*>(name##_bytes)
#endif
