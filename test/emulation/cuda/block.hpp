// Runs the threads of a block as fibers: a thread that waits hands over to the next. Only one runs at a time, and
// each runs as far as it can, so that what depends on a barrier that is not there goes wrong reliably.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "module.hpp"

#if defined(__x86_64__)
asm(R"(
.text
.hidden emulated_switch
.globl emulated_switch
.type emulated_switch, @function
emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulated_switch, .-emulated_switch
)");
extern "C" void emulated_switch(void** leave, void* enter);
#else
#include <ucontext.h>
#endif

namespace emulated {

constexpr size_t STACK_BYTES = 128 << 10;
/// Stacks begin at different places of a page: at the same they would share the same few lines of the cache.
constexpr int STACK_COLOURS = 24;
constexpr size_t STACK_COLOUR_BYTES = 17 * 64;
constexpr int WARP = 32;

enum class State { READY, AT_BARRIER, IN_WARP, DONE };

struct Request {
  int operation;
  unsigned mask;
  uint64_t value;
  int argument, width;
  uint64_t result;
};

/// Lanes of a warp that wait in one operation of all of them.
struct Gathering {
  unsigned arrived = 0;
  /// Lanes that exist and have not ended.
  unsigned alive = 0;
};

struct Fiber {
#if defined(__x86_64__)
  void* context = nullptr;
#else
  ucontext_t context;
#endif
  unsigned char* stack = nullptr;
  bool started = false;
  State state = State::READY;
  int line = 0;
  Request request{};
  EmulatedIndex index{};
};

class Block {
 public:
  /// Runs one block; empty, or what went wrong.
  std::string run(const EmulatedModule& module, const EmulatedKernel& kernel,
                  const unsigned char* parameters, EmulatedIndex size, EmulatedIndex block,
                  bool backwards) {
    module_ = &module;
    kernel_ = &kernel;
    parameters_ = parameters;
    count_ = static_cast<int>(size.x * size.y * size.z);
    *module.block_index = block;
    if (module.cooperates == 0) {
      for (int i = 0; i < count_; i++) {
        *module.thread_index = indexOf(backwards ? count_ - 1 - i : i, size);
        kernel.call(parameters);
      }
      return "";
    }
    current_block = this;
    prepare(size);
    return schedule(backwards);
  }

  void barrier(int line) {
    fibers_[now_].line = line;
    fibers_[now_].state = State::AT_BARRIER;
    yield();
  }

  uint64_t warp(const Request& request) {
    Fiber& fiber = fibers_[now_];
    fiber.request = request;
    fiber.state = State::IN_WARP;
    Gathering& warp = warps_[now_ / WARP];
    warp.arrived |= 1u << (now_ % WARP);
    // Of all lanes the last sees that it is: the common case, without a look at the others.
    if (request.mask != ~0u || warp.arrived == warp.alive) complete(now_ / WARP);
    if (fiber.state == State::IN_WARP) yield();
    return fiber.request.result;
  }

  static inline Block* current_block = nullptr;

 private:
  const EmulatedModule* module_ = nullptr;
  const EmulatedKernel* kernel_ = nullptr;
  const unsigned char* parameters_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Gathering> warps_;
  int count_ = 0;
  int now_ = 0;
  std::string fault_;
#if defined(__x86_64__)
  void* scheduler_ = nullptr;
#else
  ucontext_t scheduler_;
#endif

  static EmulatedIndex indexOf(int thread, EmulatedIndex size) {
    unsigned i = static_cast<unsigned>(thread);
    return {i % size.x, i / size.x % size.y, i / size.x / size.y};
  }

  void prepare(EmulatedIndex size) {
    if (fibers_.size() < static_cast<size_t>(count_)) fibers_.resize(static_cast<size_t>(count_));
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (int i = 0; i < count_; i++) {
      Fiber& fiber = fibers_[i];
      if (fiber.stack == nullptr) {
        fiber.stack = static_cast<unsigned char*>(mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        mprotect(fiber.stack, page, PROT_NONE);
      }
      fiber.started = false;
      fiber.state = State::READY;
      fiber.index = indexOf(i, size);
    }
    warps_.assign(static_cast<size_t>((count_ + WARP - 1) / WARP), {});
    for (int i = 0; i < count_; i++) warps_[i / WARP].alive |= 1u << (i % WARP);
    fault_.clear();
  }

  std::string schedule(bool backwards) {
    for (;; backwards = !backwards) {
      bool progressed = false;
      for (int i = 0; i < count_; i++) {
        now_ = backwards ? count_ - 1 - i : i;
        if (fibers_[now_].state != State::READY) continue;
        progressed = true;
        resume();
      }
      if (!fault_.empty()) return fault_;
      if (progressed) continue;
      int waiting = 0, done = 0, line = 0;
      for (int i = 0; i < count_; i++) {
        if (fibers_[i].state == State::DONE) done++;
        if (fibers_[i].state != State::AT_BARRIER) continue;
        if (waiting++ > 0 && fibers_[i].line != line) {
          return "threads of one block wait at different barriers (lines " + std::to_string(line) +
                 " and " + std::to_string(fibers_[i].line) + ")";
        }
        line = fibers_[i].line;
      }
      if (done == count_) return "";
      if (waiting + done < count_) return "threads wait for each other for ever (warp operation)";
      if (done > 0) return "some threads ended, others wait at the barrier of line " + std::to_string(line);
      for (int i = 0; i < count_; i++) fibers_[i].state = State::READY;
    }
  }

  /// Answers the warp operations whose lanes have all arrived; lanes that ended are not waited for.
  void complete(int warp) {
    const int first = warp * WARP;
    const int lanes = count_ - first < WARP ? count_ - first : WARP;
    const Request wanted = fibers_[now_].state == State::IN_WARP ? fibers_[now_].request : anyRequest(first, lanes);
    if (wanted.mask == 0) return;
    unsigned present = 0;
    for (int lane = 0; lane < lanes; lane++) {
      const Fiber& fiber = fibers_[first + lane];
      if ((wanted.mask >> lane & 1) == 0 || fiber.state == State::DONE) continue;
      if (fiber.state != State::IN_WARP) return;
      if (fiber.request.operation != wanted.operation || fiber.request.mask != wanted.mask) {
        fault_ = "lanes of one warp meet in different operations";
        return;
      }
      present |= 1u << lane;
    }
    uint64_t ballot = 0;
    for (int lane = 0; lane < lanes; lane++) {
      if ((present >> lane & 1) && fibers_[first + lane].request.value != 0) ballot |= 1ull << lane;
    }
    for (int lane = 0; lane < lanes; lane++) {
      if ((present >> lane & 1) == 0) continue;
      Fiber& fiber = fibers_[first + lane];
      Request& request = fiber.request;
      if (request.operation == WARP_BALLOT) {
        request.result = ballot;
      } else if (request.operation != WARP_SYNC) {
        const int source = sourceLane(request, lane);
        // Undefined on the device: poison.
        const bool defined = source >= 0 && source < WARP && (present >> source & 1);
        request.result = defined ? fibers_[first + source].request.value : ~0ull;
      }
      fiber.state = State::READY;
      warps_[warp].arrived &= ~(1u << lane);
    }
  }

  Request anyRequest(int first, int lanes) const {
    for (int lane = 0; lane < lanes; lane++) {
      if (fibers_[first + lane].state == State::IN_WARP) return fibers_[first + lane].request;
    }
    return {};
  }

  static int sourceLane(const Request& request, int lane) {
    const int start = lane / request.width * request.width;
    const int within = lane - start;
    switch (request.operation) {
      case WARP_SHUFFLE:
        return start + (request.argument & (request.width - 1));
      case WARP_SHUFFLE_UP:
        return within - request.argument >= 0 ? lane - request.argument : lane;
      case WARP_SHUFFLE_DOWN:
        return within + request.argument < request.width ? lane + request.argument : lane;
      default: {
        const int source = lane ^ request.argument;
        return source < start + request.width ? source : lane;
      }
    }
  }

  static void body() {
    Block* block = current_block;
    block->kernel_->call(block->parameters_);
    Fiber& fiber = block->fibers_[block->now_];
    fiber.state = State::DONE;
    Gathering& warp = block->warps_[block->now_ / WARP];
    warp.alive &= ~(1u << (block->now_ % WARP));
    if (warp.arrived != 0) block->complete(block->now_ / WARP);
    block->yield();
    __builtin_unreachable();
  }

#if defined(__x86_64__)
  void resume() {
    Fiber& fiber = fibers_[now_];
    *module_->thread_index = fiber.index;
    if (!fiber.started) {
      fiber.started = true;
      const size_t colour = static_cast<size_t>(now_ % STACK_COLOURS) * STACK_COLOUR_BYTES;
      void** top = reinterpret_cast<void**>(fiber.stack + STACK_BYTES - colour);
      // As after a call: the stack is 16-byte aligned before the return address, which is never used.
      *--top = nullptr;
      *--top = reinterpret_cast<void*>(&Block::body);
      top -= 6;
      std::memset(top, 0, 6 * sizeof(void*));
      fiber.context = top;
    }
    emulated_switch(&scheduler_, fiber.context);
  }
  void yield() { emulated_switch(&fibers_[now_].context, scheduler_); }
#else
  void resume() {
    Fiber& fiber = fibers_[now_];
    *module_->thread_index = fiber.index;
    if (!fiber.started) {
      fiber.started = true;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack;
      fiber.context.uc_stack.ss_size = STACK_BYTES;
      fiber.context.uc_link = &scheduler_;
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Block::body), 0);
    }
    swapcontext(&scheduler_, &fiber.context);
  }
  void yield() { swapcontext(&fibers_[now_].context, &scheduler_); }
#endif
};

inline void blockBarrier(int line) { Block::current_block->barrier(line); }
inline unsigned long long warpOperation(int operation, unsigned mask, unsigned long long value, int argument,
                                        int width) {
  return Block::current_block->warp({operation, mask, value, argument, width, 0});
}
inline const EmulatedRuntime RUNTIME = {blockBarrier, warpOperation};

}  // namespace emulated
