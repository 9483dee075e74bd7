// The column-major float32 matrix product: a system OpenBLAS where there is one, else plain loops.
#pragma once
#include <dlfcn.h>

#include <cstddef>

namespace emulated {

struct SystemBlas {
  void (*sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int) = nullptr;
  SystemBlas() {
    for (const char* name : {"libopenblas.so.0", "libopenblas.so"}) {
      void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) continue;
      sgemm = reinterpret_cast<decltype(sgemm)>(dlsym(library, "cblas_sgemm"));
      if (auto* threads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"))) threads(1);
      if (sgemm != nullptr) return;
    }
  }
};

/// `C ← alpha op(A) op(B) + beta C`; C is not read when beta is 0.
inline void gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float* a, int lda,
                 const float* b, int ldb, float beta, float* c, int ldc) {
  static const SystemBlas system;
  constexpr int COLUMN_MAJOR = 102, PLAIN = 111, TRANSPOSED = 112;
  for (int j = 0; j < n; j++) {
    float* column = c + static_cast<ptrdiff_t>(j) * ldc;
    for (int i = 0; i < m; i++) column[i] = beta == 0 ? 0 : beta * column[i];
  }
  if (m == 0 || n == 0 || k == 0 || alpha == 0) return;
  if (system.sgemm != nullptr) {
    system.sgemm(COLUMN_MAJOR, transpose_a ? TRANSPOSED : PLAIN, transpose_b ? TRANSPOSED : PLAIN, m, n, k, alpha, a, lda,
                 b, ldb, 1, c, ldc);
    return;
  }
  for (int j = 0; j < n; j++) {
    float* column = c + static_cast<ptrdiff_t>(j) * ldc;
    for (int i = 0; i < m; i++) {
      double sum = 0;
      for (int l = 0; l < k; l++) {
        const float x = transpose_a ? a[l + static_cast<ptrdiff_t>(i) * lda] : a[i + static_cast<ptrdiff_t>(l) * lda];
        const float y = transpose_b ? b[j + static_cast<ptrdiff_t>(l) * ldb] : b[l + static_cast<ptrdiff_t>(j) * ldb];
        sum += static_cast<double>(x) * y;
      }
      column[i] += alpha * static_cast<float>(sum);
    }
  }
}

}  // namespace emulated
