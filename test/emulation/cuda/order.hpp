// Which queued work comes after which, by streams, events and what the host waited for: vector clocks.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>

namespace emulated {

/// The so-manyth piece of work of a stream; of stream 0 whatever the host did before it asked.
struct Moment {
  uint64_t stream = 0, number = 0;
};

/// Of each stream, how much has come before.
using Clock = std::map<uint64_t, uint64_t>;

class Order {
 public:
  uint64_t newStream() {
    std::lock_guard<std::mutex> lock(mutex_);
    return ++last_;
  }

  /// One more piece of work on the stream: after all that is on it, and all that the host has waited for.
  Moment add(uint64_t stream) {
    std::lock_guard<std::mutex> lock(mutex_);
    Clock& clock = clocks_[stream];
    join(clock, host_);
    return {stream, ++clock[stream]};
  }
  Clock now(uint64_t stream) {
    std::lock_guard<std::mutex> lock(mutex_);
    return clocks_[stream];
  }
  void await(uint64_t stream, const Clock& what) {
    std::lock_guard<std::mutex> lock(mutex_);
    join(clocks_[stream], what);
  }
  void hostWaited(const Clock& what) {
    std::lock_guard<std::mutex> lock(mutex_);
    join(host_, what);
  }

  /// Whether what is added to the stream next comes after that moment.
  bool follows(uint64_t stream, Moment moment) {
    if (moment.stream == 0) return true;
    std::lock_guard<std::mutex> lock(mutex_);
    return std::max(clocks_[stream][moment.stream], host_[moment.stream]) >= moment.number;
  }

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;
  std::map<uint64_t, Clock> clocks_;
  Clock host_;

  static void join(Clock& clock, const Clock& other) {
    for (const auto& [stream, number] : other) clock[stream] = std::max(clock[stream], number);
  }
};

}  // namespace emulated
