// libcublas.so.12: the products that the backend asks for. Tensor cores see 10 bits of a TF32 operand's mantissa: some of
// NVIDIA's kernels round it to those, some leave the others off. Here they are left off, which errs more, and always
// towards zero.
#include <algorithm>
#include <cstring>
#include <vector>

#include "blas.hpp"
#include "queue.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace emulated;

enum Status {
  SUCCESS = 0,
  NOT_INITIALIZED = 1,
  INVALID_VALUE = 7,
  EXECUTION_FAILED = 13,
  NOT_SUPPORTED = 15,
};
enum Type { R_32F = 0, R_16BF = 14 };
enum Compute { COMPUTE_32F = 68, COMPUTE_32F_PEDANTIC = 69, COMPUTE_32F_FAST_TF32 = 77 };
constexpr int TF32_LEAVES_OFF = 13;
constexpr int VERSION_MAJOR = 12, VERSION_MINOR = 9, VERSION_PATCH = 1;

struct Handle {
  void* stream = nullptr;
};

namespace {

float withoutLast(int bits, float x) {
  uint32_t word;
  std::memcpy(&word, &x, 4);
  if ((word & 0x7f800000u) == 0x7f800000u) return x;
  word &= ~0u << bits;
  std::memcpy(&x, &word, 4);
  return x;
}

struct Operand {
  const void* at;
  Type type;
  int rows, cols, ld;
  int64_t stride;
};

size_t sizeOf(Type type) { return type == R_16BF ? 2 : 4; }

/// A dense copy as float32, with the lost bits lost.
std::vector<float> load(const Operand& operand, int64_t batch, int lost) {
  std::vector<float> out(static_cast<size_t>(operand.rows) * static_cast<size_t>(operand.cols));
  for (int j = 0; j < operand.cols; j++) {
    for (int i = 0; i < operand.rows; i++) {
      const int64_t from = batch * operand.stride + i + static_cast<int64_t>(j) * operand.ld;
      float value;
      if (operand.type == R_16BF) {
        const uint32_t word = static_cast<uint32_t>(static_cast<const uint16_t*>(operand.at)[from]) << 16;
        std::memcpy(&value, &word, 4);
      } else {
        value = static_cast<const float*>(operand.at)[from];
      }
      out[static_cast<size_t>(i) + static_cast<size_t>(j) * static_cast<size_t>(operand.rows)] =
          withoutLast(lost, value);
    }
  }
  return out;
}

Status product(Handle* handle, bool transpose_a, bool transpose_b, int m, int n, int k, const float* alpha, Operand a,
               Operand b, const float* beta, float* c, Type c_type, int ldc, int64_t stride_c, int batches, int compute) {
  if (handle == nullptr) return NOT_INITIALIZED;
  if (m < 0 || n < 0 || k < 0 || batches < 0) return INVALID_VALUE;
  if (a.ld < std::max(1, a.rows) || b.ld < std::max(1, b.rows) || ldc < std::max(1, m)) return INVALID_VALUE;
  const bool known = (a.type == R_32F || a.type == R_16BF) && b.type == a.type && c_type == R_32F;
  const bool computes = compute == COMPUTE_32F || compute == COMPUTE_32F_PEDANTIC || compute == COMPUTE_32F_FAST_TF32;
  if (!known || !computes) return NOT_SUPPORTED;
  if (m == 0 || n == 0 || batches == 0) return SUCCESS;
  const int64_t last = batches - 1;
  if (k > 0 && (!onDevice(a.at, a.rows, a.cols, a.ld, sizeOf(a.type)) || !onDevice(b.at, b.rows, b.cols, b.ld, sizeOf(b.type))))
    return EXECUTION_FAILED;
  const float* end = c + last * stride_c;
  if (!onDevice(c, m, n, ldc, sizeOf(c_type)) || !onDevice(end, m, n, ldc, sizeOf(c_type))) return EXECUTION_FAILED;
  if (emulation_idle() != 0) return SUCCESS;
  const int lost = compute == COMPUTE_32F_FAST_TF32 ? TF32_LEAVES_OFF : 0;
  const bool queued = enqueue(handle->stream, "cublas product", [=, alpha = *alpha, beta = *beta] {
    std::vector<float> left, right;
    for (int64_t i = 0; i < batches; i++) {
      if (i == 0 || a.stride != 0) left = load(a, i, lost);
      if (i == 0 || b.stride != 0) right = load(b, i, lost);
      const int lda = std::max(1, a.rows), ldb = std::max(1, b.rows);
      gemm(transpose_a, transpose_b, m, n, k, alpha, left.data(), lda, right.data(), ldb, beta, c + i * stride_c, ldc);
    }
  });
  return queued ? SUCCESS : EXECUTION_FAILED;
}

}  // namespace

EXPORT Status cublasCreate_v2(Handle** handle) {
  *handle = new Handle;
  return SUCCESS;
}
EXPORT Status cublasDestroy_v2(Handle* handle) {
  if (handle == nullptr) return NOT_INITIALIZED;
  delete handle;
  return SUCCESS;
}
EXPORT Status cublasSetStream_v2(Handle* handle, void* stream) {
  handle->stream = stream;
  return SUCCESS;
}
EXPORT Status cublasSetWorkspace_v2(Handle*, void* at, size_t bytes) {
  const auto address = reinterpret_cast<uint64_t>(at);
  return bytes == 0 || (address % 256 == 0 && emulation_contains(address, bytes) != 0) ? SUCCESS : INVALID_VALUE;
}
EXPORT Status cublasGetProperty(int property, int* value) {
  const int values[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
  if (property < 0 || property > 2) return INVALID_VALUE;
  *value = values[property];
  return SUCCESS;
}
EXPORT const char* cublasGetStatusString(int status) {
  switch (status) {
    case SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "unknown";
  }
}
EXPORT Status cublasGemmEx(Handle* handle, int op_a, int op_b, int m, int n, int k, const float* alpha, const void* a,
                           Type a_type, int lda, const void* b, Type b_type, int ldb, const float* beta, float* c, Type c_type,
                           int ldc, int compute, int) {
  return product(handle, op_a != 0, op_b != 0, m, n, k, alpha, {a, a_type, op_a ? k : m, op_a ? m : k, lda, 0},
                 {b, b_type, op_b ? n : k, op_b ? k : n, ldb, 0}, beta, c, c_type, ldc, 0, 1, compute);
}
EXPORT Status cublasGemmStridedBatchedEx(Handle* handle, int op_a, int op_b, int m, int n, int k, const float* alpha,
                                         const void* a, Type a_type, int lda, long long stride_a, const void* b, Type b_type,
                                         int ldb, long long stride_b, const float* beta, float* c, Type c_type, int ldc,
                                         long long stride_c, int batches, int compute, int) {
  return product(handle, op_a != 0, op_b != 0, m, n, k, alpha, {a, a_type, op_a ? k : m, op_a ? m : k, lda, stride_a},
                 {b, b_type, op_b ? n : k, op_b ? k : n, ldb, stride_b}, beta, c, c_type, ldc, stride_c, batches, compute);
}
