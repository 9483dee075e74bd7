// What the emulated driver offers to the libraries beside it.
#pragma once
#include <cstdint>
#include <cstddef>
#include <functional>

extern "C" int emulation_enqueue(void* stream, void (*work)(void*), void* data);
extern "C" int emulation_idle();
extern "C" int emulation_contains(uint64_t address, size_t bytes);
extern "C" void emulation_check(const char* what);

namespace emulated {

/// Queues work on a stream and checks the guard zones after it.
inline bool enqueue(void* stream, const char* what, std::function<void()> work) {
  auto* owned = new std::function<void()>([what, work = std::move(work)] {
    work();
    emulation_check(what);
  });
  return emulation_enqueue(
             stream,
             [](void* data) {
               auto* run = static_cast<std::function<void()>*>(data);
               (*run)();
               delete run;
             },
             owned) == 0;
}

/// Whether a column-major matrix lies in device memory.
inline bool onDevice(const void* at, int64_t rows, int64_t cols, int64_t ld, size_t element) {
  if (rows == 0 || cols == 0) return true;
  return emulation_contains(reinterpret_cast<uint64_t>(at), static_cast<size_t>((cols - 1) * ld + rows) * element) != 0;
}

}  // namespace emulated
