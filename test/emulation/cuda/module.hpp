// What a compiled program ("cubin") and the emulated driver know of each other.
#pragma once

struct EmulatedIndex {
  unsigned x, y, z;
};

enum EmulatedWarpOperation {
  WARP_SYNC,
  WARP_SHUFFLE,
  WARP_SHUFFLE_UP,
  WARP_SHUFFLE_DOWN,
  WARP_SHUFFLE_XOR,
  WARP_BALLOT,
};

/// Given to a program when it is loaded.
struct EmulatedRuntime {
  void (*block_barrier)(int line);
  unsigned long long (*warp)(int operation, unsigned mask, unsigned long long value, int argument,
                             int width);
};

struct EmulatedKernel {
  const char* name;
  void (*call)(const unsigned char* parameters);
  /// As C packs them, without padding at the end.
  unsigned long long parameter_bytes;
  /// Where among them pointers lie: a number may look like an address too.
  const unsigned long long* pointers;
  int pointer_count;
  /// Of a block, as the kernel's launch bounds say.
  unsigned most_threads;
};

/// Exported by every program as `emulated_module`.
struct EmulatedModule {
  int architecture;
  /// Whether a thread may have to wait for another.
  int cooperates;
  const EmulatedRuntime** runtime;
  EmulatedIndex *thread_index, *block_index, *block_size, *grid_size;
  unsigned char** dynamic_shared;
  unsigned char *shared_start, *shared_end;
  const EmulatedKernel* kernels;
  int kernel_count;
};
