// Device memory: host memory with guard zones, filled with 0xFF (NaN) when it is handed out and when it is freed.
#pragma once
#include <sys/mman.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "order.hpp"

namespace emulated {

constexpr size_t GUARD = 256;
constexpr unsigned char GUARD_BYTE = 0xA5;
constexpr unsigned char POISON = 0xFF;

/// For timing the host: nothing is computed, and large memory is neither touched nor copied: it reads as 0.
inline bool idle() {
  static const bool asked = std::getenv("EMULATED_GPU_IDLE") != nullptr;
  return asked;
}
/// What counts as large: smaller copies are made, since the host waits for them.
constexpr size_t IDLE_BYTES = 64 << 10;

struct Allocation {
  unsigned char* base;
  size_t reserved;
  size_t bytes;
  int device;
  /// Freed by the caller; work queued before may still use it.
  bool freeing;
  /// When it is there, in the order of streams.
  Moment born;
};

class Memory {
 public:
  /// 0 when `total` bytes of the device would be exceeded. What is `pooled` stays held when it is freed, until trim().
  uint64_t allocate(size_t bytes, int device, size_t total, bool pooled, Moment born = {}) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (live_[device] + bytes > total) return 0;
    const size_t reserved = (bytes + GUARD - 1) / GUARD * GUARD + 2 * GUARD;
    unsigned char* base = static_cast<unsigned char*>(idle() ? untouched(reserved) : std::aligned_alloc(GUARD, reserved));
    if (base == nullptr) return 0;
    std::memset(base, GUARD_BYTE, GUARD);
    if (!idle()) std::memset(base + GUARD, POISON, bytes);
    std::memset(base + GUARD + bytes, GUARD_BYTE, GUARD);
    const uint64_t address = reinterpret_cast<uint64_t>(base + GUARD);
    all_[address] = {base, reserved, bytes, device, false, born};
    live_[device] += bytes;
    count_++;
    total_++;
    if (live_[device] > peak_) peak_ = live_[device];
    if (pooled && live_[device] > held_[device]) held_[device] = live_[device];
    return address;
  }

  /// Whether it was live; its bytes count as free from now on.
  bool startFree(uint64_t address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = all_.find(address);
    if (found == all_.end() || found->second.freeing) return false;
    found->second.freeing = true;
    live_[found->second.device] -= found->second.bytes;
    count_--;
    return true;
  }

  /// Returns what was wrong with it, if anything.
  std::string finishFree(uint64_t address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = all_.find(address);
    if (found == all_.end()) return "";
    const std::string wrong = guardsOf(found->second);
    if (idle()) {
      munmap(found->second.base, found->second.reserved);
    } else {
      std::memset(found->second.base, POISON, found->second.bytes + GUARD);
      std::free(found->second.base);
    }
    all_.erase(found);
    return wrong;
  }

  /// Whether `bytes` from `address` lie in one allocation that the caller has not freed.
  bool contains(uint64_t address, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    const Allocation* found = around(address, bytes);
    return found != nullptr && !found->freeing;
  }

  /// Whether they lie in one whose end no stream has reached.
  bool holds(uint64_t address, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    return around(address, bytes) != nullptr;
  }

  /// Of the allocation that starts at or before the address.
  int deviceOf(uint64_t address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto next = all_.upper_bound(address);
    return next == all_.begin() ? -1 : (--next)->second.device;
  }

  /// Of the allocation that starts at or before the address.
  Moment bornOf(uint64_t address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto next = all_.upper_bound(address);
    return next == all_.begin() ? Moment{} : (--next)->second.born;
  }

  /// What is wrong with an address, or the end of what is empty, for work of `device`.
  std::string refusal(uint64_t address, int device) {
    if (address == 0) return "";
    std::lock_guard<std::mutex> lock(mutex_);
    const Allocation* found = around(address, 0);
    if (found == nullptr) return "an address without memory";
    if (found->freeing) return "memory that was freed";
    return found->device == device ? "" : "memory of GPU " + std::to_string(found->device);
  }

  std::string checkGuards() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [address, allocation] : all_) {
      const std::string wrong = guardsOf(allocation);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  size_t live(int device) {
    std::lock_guard<std::mutex> lock(mutex_);
    return live_[device];
  }
  /// What the device cannot give to anybody else.
  size_t held(int device) {
    std::lock_guard<std::mutex> lock(mutex_);
    return live_[device] > held_[device] ? live_[device] : held_[device];
  }
  void trim(int device) {
    std::lock_guard<std::mutex> lock(mutex_);
    held_[device] = live_[device];
  }
  size_t count() const { return count_; }
  size_t peak() const { return peak_; }
  size_t total() const { return total_; }

 private:
  std::mutex mutex_;
  std::map<uint64_t, Allocation> all_;
  std::map<int, size_t> live_, held_;
  size_t count_ = 0, peak_ = 0, total_ = 0;

  const Allocation* around(uint64_t address, size_t bytes) {
    auto next = all_.upper_bound(address);
    if (next == all_.begin()) return nullptr;
    const auto& [start, allocation] = *--next;
    return address + bytes <= start + allocation.bytes ? &allocation : nullptr;
  }

  /// Zeroed pages that are only there once somebody writes to them.
  static void* untouched(size_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
  }
  static bool intact(const unsigned char* at) {
    static const std::string whole(GUARD, static_cast<char>(GUARD_BYTE));
    return std::memcmp(at, whole.data(), GUARD) == 0;
  }
  static std::string guardsOf(const Allocation& a) {
    const char* where = !intact(a.base)                       ? "before"
                        : !intact(a.base + GUARD + a.bytes) ? "after"
                                                              : nullptr;
    if (where == nullptr) return "";
    return std::string("memory ") + where + " an allocation of " + std::to_string(a.bytes) + " bytes was written";
  }
};

}  // namespace emulated
