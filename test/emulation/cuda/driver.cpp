// libcuda.so.1: the part of the CUDA driver API that the backend uses, on the CPU. What is queued on a stream runs
// when somebody waits for it, not before, so that a missing wait shows.
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>

#include "block.hpp"
#include "memory.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace emulated;

enum Status {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_FAILED = 719,
};

namespace {

struct Stream;
struct Context;

struct Event {
  /// Of the GPU it belongs to: only its streams record it.
  const Context* context;
  bool timed;
  Stream* stream = nullptr;
  /// Number of the last record asked for, and of the last that ran.
  uint64_t wanted = 0, done = 0;
  /// What the last record comes after.
  Clock clock;
  std::chrono::steady_clock::time_point at;
};

struct Context {
  int device;
  int retained = 0;
};

struct Stream {
  std::deque<std::function<void()>> queue;
  /// Of the GPU it belongs to: work from another context is refused.
  const Context* context = nullptr;
  uint64_t id = 0;
};

struct Module {
  void* library;
  const EmulatedModule* module;
  std::set<struct Function*> functions;
};

struct Function {
  const EmulatedModule* module;
  const EmulatedKernel* kernel;
  int dynamic_shared = 48 << 10;
};

constexpr int SHARED_OPT_IN = 227 << 10;
constexpr int COMPUTE_MAJOR = 9, COMPUTE_MINOR = 0, MULTIPROCESSORS = 4;
constexpr int DRIVER_VERSION = 13000;

std::recursive_mutex state;
/// Held while queued work runs: one kernel at a time, whoever waits for it.
std::recursive_mutex running;
bool initialised = false;
Memory memory;
Order order;
Stream legacy;
std::set<Stream*> streams;
/// By handle. What is queued keeps its event: a destroyed one still counts for who waits for it.
std::map<void*, std::shared_ptr<Event>> events;
std::set<Module*> modules;
std::map<int, std::unique_ptr<Context>> contexts;
struct Pinned {
  size_t bytes;
  /// Copies from and to it that are queued.
  int copies = 0;
};
std::map<uint64_t, Pinned> pinned;
std::atomic<uint64_t> launches{0};
std::map<std::string, int> planned_failures;
Status sticky = SUCCESS;
std::string fault_text;
thread_local Context* current = nullptr;

size_t variable(const char* name, size_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}
size_t totalBytes() { return variable("EMULATED_GPU_BYTES", size_t{8} << 30); }
/// How GPUs reach each other: "nvlink", "direct", or not at all (copies go through the host).
bool linked(const char* kind) {
  const char* link = std::getenv("EMULATED_GPU_LINK");
  return link != nullptr && std::strcmp(link, kind) == 0;
}
/// Whose memory may be touched by whom: contexts by cuCtxEnablePeerAccess, pools by cuMemPoolSetAccess.
std::set<std::pair<int, int>> peer_contexts, peer_pools;
int deviceCount() { return static_cast<int>(variable("EMULATED_GPU_COUNT", 1)); }

void fault(Status status, const std::string& text) {
  std::fprintf(stderr, "emulated GPU: %s\n", text.c_str());
  if (sticky != SUCCESS) return;
  sticky = status;
  fault_text = text;
}

/// What every call answers before it does anything; 0 to go on.
Status entering(const char* name, bool needs_context = false) {
  std::lock_guard<std::recursive_mutex> lock(state);
  auto planned = planned_failures.find(name);
  if (planned != planned_failures.end()) {
    const int status = planned->second;
    planned_failures.erase(planned);
    return static_cast<Status>(status);
  }
  if (!initialised) return NOT_INITIALIZED;
  if (sticky != SUCCESS) return sticky;
  if (needs_context && current == nullptr) return INVALID_CONTEXT;
  return SUCCESS;
}

#define ENTER() \
  if (Status refused = entering(__func__)) return refused
#define ENTER_CONTEXT() \
  if (Status refused = entering(__func__, true)) return refused

Stream* known(void* handle) {
  if (handle == nullptr) return &legacy;
  auto* stream = static_cast<Stream*>(handle);
  return streams.count(stream) > 0 ? stream : nullptr;
}

/// Runs what is queued, up to where `enough` holds.
template <class Enough>
void drain(Stream& stream, Enough enough) {
  std::lock_guard<std::recursive_mutex> one(running);
  while (!enough()) {
    std::function<void()> work;
    {
      std::lock_guard<std::recursive_mutex> lock(state);
      if (stream.queue.empty()) return;
      work = std::move(stream.queue.front());
      stream.queue.pop_front();
    }
    work();
  }
}
void drain(Stream& stream) {
  drain(stream, [] { return false; });
}
void drainAll() {
  std::vector<Stream*> all;
  {
    std::lock_guard<std::recursive_mutex> lock(state);
    all.assign(streams.begin(), streams.end());
  }
  for (Stream* stream : all) drain(*stream);
  drain(legacy);
}
std::shared_ptr<Event> eventOf(void* handle) {
  std::lock_guard<std::recursive_mutex> lock(state);
  const auto found = events.find(handle);
  return found == events.end() ? nullptr : found->second;
}
void awaitEvent(Event& event) {
  if (event.stream != nullptr) drain(*event.stream, [&event] { return event.done >= event.wanted; });
}

/// The legacy stream waits for all others, and they for it.
Status enqueue(void* handle, std::function<void()> work) {
  Stream* stream = nullptr;
  {
    std::lock_guard<std::recursive_mutex> lock(state);
    stream = known(handle);
    if (stream == nullptr) return INVALID_HANDLE;
    if (stream->context != nullptr && stream->context != current) return INVALID_CONTEXT;
    stream->queue.push_back(std::move(work));
    order.add(stream->id);
  }
  if (handle == nullptr) drainAll();
  return SUCCESS;
}

/// Whether a stream has the memory: that it is allocated on another stream does not mean that it is there yet.
bool born(uint64_t address, void* handle) {
  std::lock_guard<std::recursive_mutex> lock(state);
  const Stream* stream = known(handle);
  return stream == nullptr || stream == &legacy || order.follows(stream->id, memory.bornOf(address));
}
Status premature(const std::string& who) {
  fault(ILLEGAL_ADDRESS, who + " comes before its memory, which another stream allocates");
  return ILLEGAL_ADDRESS;
}

/// The page-locked memory that the address lies in.
Pinned* pinnedAt(const void* at) {
  std::lock_guard<std::recursive_mutex> lock(state);
  const auto address = reinterpret_cast<uint64_t>(at);
  auto next = pinned.upper_bound(address);
  if (next == pinned.begin()) return nullptr;
  --next;
  return address < next->first + next->second.bytes ? &next->second : nullptr;
}
Status enqueueCopy(void* stream, Pinned* host, std::function<void()> copy) {
  host->copies++;
  const Status status = enqueue(stream, [host, copy = std::move(copy)] {
    copy();
    host->copies--;
  });
  if (status != SUCCESS) host->copies--;
  return status;
}

const char* running_kernel = nullptr;
struct sigaction former_action;
void onWildAccess(int signal, siginfo_t* info, void* context) {
  if (running_kernel == nullptr) {
    if ((former_action.sa_flags & SA_SIGINFO) != 0) return former_action.sa_sigaction(signal, info, context);
    sigaction(signal, &former_action, nullptr);
    return;
  }
  char text[300];
  const int length = std::snprintf(text, sizeof text, "emulated GPU: kernel %s touched %p, which is no memory\n",
                                   running_kernel, info->si_addr);
  if (write(2, text, static_cast<size_t>(length)) < 0) _exit(139);
  ::signal(signal, SIG_DFL);
}

struct Launch {
  Function function;
  EmulatedIndex grid, block;
  unsigned shared;
  std::vector<unsigned char> parameters;
};

void runLaunch(const Launch& launch) {
  if (sticky != SUCCESS) return;
  static Block block;
  const EmulatedModule& module = *launch.function.module;
  const EmulatedKernel& kernel = *launch.function.kernel;
  *module.runtime = &RUNTIME;
  *module.block_size = launch.block;
  *module.grid_size = launch.grid;
  const size_t guard = 64;
  std::vector<unsigned char> room(launch.shared + 2 * guard + 16);
  auto* start = reinterpret_cast<unsigned char*>((reinterpret_cast<uint64_t>(room.data()) + guard + 15) / 16 * 16);
  *module.dynamic_shared = start;
  struct sigaction action {};
  action.sa_sigaction = onWildAccess;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  running_kernel = kernel.name;
  sigaction(SIGSEGV, &action, &former_action);
  std::string wrong;
  unsigned number = 0;
  for (unsigned z = 0; z < launch.grid.z && wrong.empty(); z++) {
    for (unsigned y = 0; y < launch.grid.y && wrong.empty(); y++) {
      for (unsigned x = 0; x < launch.grid.x && wrong.empty(); x++, number++) {
        std::memset(room.data(), POISON, room.size());
        if (module.shared_start != nullptr) {
          std::memset(module.shared_start, POISON, static_cast<size_t>(module.shared_end - module.shared_start));
        }
        wrong = block.run(module, kernel, launch.parameters.data(), launch.block, {x, y, z}, number % 2 == 1);
        for (size_t i = 0; i < guard; i++) {
          if (start[launch.shared + i] != POISON) wrong = "shared memory was written beyond its size";
        }
      }
    }
  }
  sigaction(SIGSEGV, &former_action, nullptr);
  running_kernel = nullptr;
  if (!wrong.empty()) fault(LAUNCH_FAILED, std::string("kernel ") + kernel.name + ": " + wrong);
  const std::string guards = memory.checkGuards();
  if (!guards.empty()) fault(ILLEGAL_ADDRESS, std::string("kernel ") + kernel.name + ": " + guards);
}

const std::pair<const char*, const char*>* describe(int status) {
  static const std::unordered_map<int, std::pair<const char*, const char*>> table = {
      {SUCCESS, {"CUDA_SUCCESS", "no error"}},
      {INVALID_VALUE, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
      {OUT_OF_MEMORY, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
      {NOT_INITIALIZED, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
      {NO_DEVICE, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
      {INVALID_DEVICE, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
      {INVALID_IMAGE, {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
      {INVALID_CONTEXT, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
      {NO_BINARY_FOR_GPU, {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for the device"}},
      {INVALID_HANDLE, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
      {NOT_FOUND, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
      {NOT_READY, {"CUDA_ERROR_NOT_READY", "device not ready"}},
      {ILLEGAL_ADDRESS, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
      {LAUNCH_FAILED, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
  };
  const auto found = table.find(status);
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace

// ── Of the emulation ─────────────────────────────────────────────────────────────────────────────────────────────

/// Live allocations, live bytes, peak bytes, allocations ever, pinned, modules, streams, events, launches, pending.
EXPORT void emulation_counters(uint64_t* out) {
  std::lock_guard<std::recursive_mutex> lock(state);
  size_t bytes = 0, pending = legacy.queue.size();
  for (int device = 0; device < deviceCount(); device++) bytes += memory.live(device);
  for (Stream* stream : streams) pending += stream->queue.size();
  const uint64_t values[] = {memory.count(), bytes,          memory.peak(),  memory.total(), pinned.size(),
                             modules.size(), streams.size(), events.size(), launches,       pending};
  std::memcpy(out, values, sizeof values);
}
/// The next call of that function answers `status`.
EXPORT void emulation_fail_next(const char* function, int status) {
  std::lock_guard<std::recursive_mutex> lock(state);
  planned_failures[function] = status;
}
EXPORT const char* emulation_fault() { return fault_text.c_str(); }
/// For the other libraries: queues `work(data)`.
EXPORT int emulation_enqueue(void* stream, void (*work)(void*), void* data) {
  return enqueue(stream, [work, data] { work(data); });
}
EXPORT int emulation_idle() { return idle(); }
/// Whether the current GPU has that memory.
EXPORT int emulation_contains(uint64_t address, size_t bytes) {
  return memory.contains(address, bytes) && current != nullptr && memory.deviceOf(address) == current->device;
}
EXPORT void emulation_check(const char* what) {
  const std::string guards = memory.checkGuards();
  if (!guards.empty()) fault(ILLEGAL_ADDRESS, std::string(what) + ": " + guards);
}

// ── Device ───────────────────────────────────────────────────────────────────────────────────────────────────────

EXPORT Status cuInit(unsigned flags) {
  std::lock_guard<std::recursive_mutex> lock(state);
  if (flags != 0) return INVALID_VALUE;
  if (deviceCount() == 0) return NO_DEVICE;
  initialised = true;
  return entering(__func__);
}
EXPORT Status cuDriverGetVersion(int* version) {
  *version = DRIVER_VERSION;
  return SUCCESS;
}
EXPORT Status cuDeviceGetCount(int* count) {
  ENTER();
  *count = deviceCount();
  return SUCCESS;
}
EXPORT Status cuDeviceGet(int* device, int ordinal) {
  ENTER();
  if (ordinal < 0 || ordinal >= deviceCount()) return INVALID_DEVICE;
  *device = ordinal;
  return SUCCESS;
}
EXPORT Status cuDeviceGetName(char* name, int length, int device) {
  ENTER();
  if (device < 0 || device >= deviceCount() || length < 1) return INVALID_DEVICE;
  std::snprintf(name, static_cast<size_t>(length), "Emulated GPU %d", device);
  return SUCCESS;
}
EXPORT Status cuDeviceGetAttribute(int* value, int attribute, int device) {
  ENTER();
  if (device < 0 || device >= deviceCount()) return INVALID_DEVICE;
  switch (attribute) {
    case 16: *value = MULTIPROCESSORS; break;
    case 75: *value = COMPUTE_MAJOR; break;
    case 76: *value = COMPUTE_MINOR; break;
    case 97: *value = SHARED_OPT_IN; break;
    case 115: *value = 1; break;  // memory pools
    default: return INVALID_VALUE;
  }
  return SUCCESS;
}
EXPORT Status cuDeviceTotalMem_v2(size_t* bytes, int device) {
  ENTER();
  if (device < 0 || device >= deviceCount()) return INVALID_DEVICE;
  *bytes = totalBytes();
  return SUCCESS;
}
EXPORT Status cuDeviceGetP2PAttribute(int* value, int attribute, int from, int to) {
  ENTER();
  if (from < 0 || to < 0 || from >= deviceCount() || to >= deviceCount() || from == to) return INVALID_DEVICE;
  if (attribute < 1 || attribute > 4) return INVALID_VALUE;
  const bool direct = linked("direct"), nvlink = linked("nvlink");
  *value = attribute == 1 ? !nvlink : attribute == 2 ? direct || nvlink : nvlink;
  return SUCCESS;
}
EXPORT Status cuCtxEnablePeerAccess(void* peer, unsigned flags) {
  ENTER_CONTEXT();
  constexpr Status PEER_ACCESS_UNSUPPORTED = static_cast<Status>(217);
  constexpr Status ALREADY_ENABLED = static_cast<Status>(704);
  auto* other = static_cast<Context*>(peer);
  if (other == nullptr || other == current || flags != 0) return INVALID_VALUE;
  if (!linked("direct") && !linked("nvlink")) return PEER_ACCESS_UNSUPPORTED;
  std::lock_guard<std::recursive_mutex> lock(state);
  return peer_contexts.insert({other->device, current->device}).second ? SUCCESS : ALREADY_ENABLED;
}
EXPORT Status cuDevicePrimaryCtxRetain(void** context, int device) {
  ENTER();
  std::lock_guard<std::recursive_mutex> lock(state);
  if (device < 0 || device >= deviceCount()) return INVALID_DEVICE;
  auto& held = contexts[device];
  if (held == nullptr) held = std::make_unique<Context>(Context{device});
  held->retained++;
  *context = held.get();
  return SUCCESS;
}
EXPORT Status cuDevicePrimaryCtxRelease_v2(int device) {
  std::lock_guard<std::recursive_mutex> lock(state);
  auto found = contexts.find(device);
  if (found == contexts.end() || found->second->retained == 0) return INVALID_CONTEXT;
  // Destroying the context is what clears an error that sticks.
  if (--found->second->retained == 0) sticky = SUCCESS;
  return SUCCESS;
}
EXPORT Status cuCtxSetCurrent(void* context) {
  ENTER();
  current = static_cast<Context*>(context);
  return SUCCESS;
}

// ── Streams and events ───────────────────────────────────────────────────────────────────────────────────────────

EXPORT Status cuStreamCreate(void** stream, unsigned) {
  ENTER_CONTEXT();
  std::lock_guard<std::recursive_mutex> lock(state);
  auto* made = new Stream;
  made->context = current;
  made->id = order.newStream();
  *stream = *streams.insert(made).first;
  return SUCCESS;
}
EXPORT Status cuStreamDestroy_v2(void* handle) {
  std::lock_guard<std::recursive_mutex> one(running);
  std::lock_guard<std::recursive_mutex> lock(state);
  Stream* stream = known(handle);
  if (stream == nullptr || stream == &legacy) return INVALID_HANDLE;
  drain(*stream);
  for (auto& [handle, event] : events) {
    if (event->stream == stream) event->stream = nullptr;
  }
  streams.erase(stream);
  delete stream;
  return SUCCESS;
}
EXPORT Status cuStreamSynchronize(void* handle) {
  ENTER();
  Stream* stream = known(handle);
  if (stream == nullptr) return INVALID_HANDLE;
  drain(*stream);
  order.hostWaited(order.now(stream->id));
  return sticky;
}
EXPORT Status cuEventCreate(void** event, unsigned flags) {
  ENTER_CONTEXT();
  constexpr unsigned DISABLE_TIMING = 2;
  std::lock_guard<std::recursive_mutex> lock(state);
  auto made = std::make_shared<Event>(Event{current, (flags & DISABLE_TIMING) == 0});
  *event = made.get();
  events[*event] = std::move(made);
  return SUCCESS;
}
EXPORT Status cuEventDestroy_v2(void* handle) {
  std::lock_guard<std::recursive_mutex> lock(state);
  return events.erase(handle) == 0 ? INVALID_HANDLE : SUCCESS;
}
EXPORT Status cuEventRecord(void* handle, void* stream) {
  ENTER();
  const auto event = eventOf(handle);
  Stream* on = known(stream);
  if (event == nullptr || on == nullptr || (on != &legacy && on->context != event->context)) return INVALID_HANDLE;
  // A record that nothing waited for is replaced, as the driver does; here it runs first, which nobody can tell.
  if (event->stream != nullptr && event->stream != on) awaitEvent(*event);
  event->stream = on;
  const uint64_t number = ++event->wanted;
  const Status status = enqueue(stream, [event, number] {
    event->done = number;
    event->at = std::chrono::steady_clock::now();
  });
  event->clock = order.now(event->stream->id);
  return status;
}
EXPORT Status cuStreamWaitEvent(void* stream, void* handle, unsigned) {
  ENTER();
  const auto event = eventOf(handle);
  if (event == nullptr) return INVALID_HANDLE;
  Stream* other = event->stream;
  const uint64_t wanted = event->wanted;
  if (const Stream* waiting = known(stream)) order.await(waiting->id, event->clock);
  return enqueue(stream, [event, other, wanted] {
    // A stream is destroyed when all that was queued on it is done.
    if (event->done < wanted) drain(*other, [&event, wanted] { return event->done >= wanted; });
  });
}
EXPORT Status cuEventQuery(void* handle) {
  ENTER();
  const auto event = eventOf(handle);
  if (event == nullptr) return INVALID_HANDLE;
  const bool pending = event->done < event->wanted;
  awaitEvent(*event);
  if (!pending) order.hostWaited(event->clock);
  return sticky != SUCCESS ? sticky : pending ? NOT_READY : SUCCESS;
}
EXPORT Status cuEventSynchronize(void* handle) {
  ENTER();
  const auto event = eventOf(handle);
  if (event == nullptr) return INVALID_HANDLE;
  awaitEvent(*event);
  order.hostWaited(event->clock);
  return sticky;
}
EXPORT Status cuEventElapsedTime(float* milliseconds, void* start, void* end) {
  ENTER();
  const auto a = eventOf(start), b = eventOf(end);
  if (a == nullptr || b == nullptr || a->wanted == 0 || b->wanted == 0 || !a->timed || !b->timed) return INVALID_HANDLE;
  if (a->done < a->wanted || b->done < b->wanted) return NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(b->at - a->at).count();
  return SUCCESS;
}

// ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────

EXPORT Status cuMemAllocAsync(uint64_t* address, size_t bytes, void* stream) {
  ENTER_CONTEXT();
  const Stream* on = known(stream);
  if (on == nullptr) return INVALID_HANDLE;
  if (bytes == 0) return INVALID_VALUE;
  *address = memory.allocate(bytes, current->device, totalBytes(), true, order.add(on->id));
  return *address == 0 ? OUT_OF_MEMORY : SUCCESS;
}
EXPORT Status cuMemFreeAsync(uint64_t address, void* stream) {
  ENTER();
  if (known(stream) == nullptr) return INVALID_HANDLE;
  if (!born(address, stream)) return premature("cuMemFreeAsync");
  if (!memory.startFree(address)) return INVALID_VALUE;
  return enqueue(stream, [address] {
    const std::string wrong = memory.finishFree(address);
    if (!wrong.empty()) fault(ILLEGAL_ADDRESS, wrong);
  });
}
EXPORT Status cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  ENTER_CONTEXT();
  if (bytes == 0) return INVALID_VALUE;
  *address = memory.allocate(bytes, current->device, totalBytes(), false);
  return *address == 0 ? OUT_OF_MEMORY : SUCCESS;
}
EXPORT Status cuMemFree_v2(uint64_t address) {
  ENTER_CONTEXT();
  if (address == 0) return SUCCESS;
  drainAll();
  if (!memory.startFree(address)) return INVALID_VALUE;
  const std::string wrong = memory.finishFree(address);
  if (!wrong.empty()) fault(ILLEGAL_ADDRESS, wrong);
  return sticky;
}
EXPORT Status cuMemAllocHost_v2(void** at, size_t bytes) {
  ENTER_CONTEXT();
  if (bytes == 0) return INVALID_VALUE;
  *at = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (*at == nullptr) return OUT_OF_MEMORY;
  std::memset(*at, idle() ? 0 : POISON, bytes);
  std::lock_guard<std::recursive_mutex> lock(state);
  pinned[reinterpret_cast<uint64_t>(*at)] = {bytes};
  return SUCCESS;
}
EXPORT Status cuMemFreeHost(void* at) {
  ENTER_CONTEXT();
  const Pinned* host = pinnedAt(at);
  if (host != nullptr && host->copies > 0) fault(ILLEGAL_ADDRESS, "page-locked memory was freed under a copy");
  drainAll();
  std::lock_guard<std::recursive_mutex> lock(state);
  if (pinned.erase(reinterpret_cast<uint64_t>(at)) == 0) return INVALID_VALUE;
  std::free(at);
  return SUCCESS;
}
/// When a copy runs, not when it is queued.
bool readable(uint64_t source, size_t bytes) {
  if (memory.holds(source, bytes)) return true;
  fault(ILLEGAL_ADDRESS, "a copy read memory that is gone");
  return false;
}
bool writable(uint64_t target, size_t bytes) {
  if (memory.holds(target, bytes)) return true;
  fault(ILLEGAL_ADDRESS, "a copy wrote to memory that is gone");
  return false;
}
/// Within a GPU or between two.
Status enqueueMove(uint64_t target, uint64_t source, size_t bytes, void* stream) {
  if (!born(target, stream) || !born(source, stream)) return premature("a copy");
  return enqueue(stream, [=] {
    if (!readable(source, bytes) || !writable(target, bytes)) return;
    std::memmove(reinterpret_cast<void*>(target), reinterpret_cast<const void*>(source), bytes);
  });
}
bool leftOut(size_t bytes) { return idle() && bytes > IDLE_BYTES; }
EXPORT Status cuMemcpyHtoDAsync_v2(uint64_t target, const void* source, size_t bytes, void* stream) {
  ENTER();
  if (bytes == 0 || leftOut(bytes)) return SUCCESS;
  if (!memory.contains(target, bytes)) return INVALID_VALUE;
  if (!born(target, stream)) return premature("a copy");
  if (Pinned* host = pinnedAt(source)) {
    return enqueueCopy(stream, host, [=] {
      if (writable(target, bytes)) std::memcpy(reinterpret_cast<void*>(target), source, bytes);
    });
  }
  // The driver has taken pageable memory before it returns.
  std::shared_ptr<unsigned char[]> taken(new unsigned char[bytes]);
  std::memcpy(taken.get(), source, bytes);
  return enqueue(stream, [=] {
    if (writable(target, bytes)) std::memcpy(reinterpret_cast<void*>(target), taken.get(), bytes);
  });
}
EXPORT Status cuMemcpyDtoHAsync_v2(void* target, uint64_t source, size_t bytes, void* stream) {
  ENTER();
  if (bytes == 0 || leftOut(bytes)) return SUCCESS;
  if (!memory.contains(source, bytes)) return INVALID_VALUE;
  if (!born(source, stream)) return premature("a copy");
  auto copy = [=] {
    if (readable(source, bytes)) std::memcpy(target, reinterpret_cast<const void*>(source), bytes);
  };
  if (Pinned* host = pinnedAt(target)) return enqueueCopy(stream, host, copy);
  const Status status = enqueue(stream, copy);
  if (status == SUCCESS) drain(*known(stream));
  return status != SUCCESS ? status : sticky;
}
EXPORT Status cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) {
  ENTER();
  if (bytes == 0 || leftOut(bytes)) return SUCCESS;
  if (!memory.contains(target, bytes) || !memory.contains(source, bytes)) return INVALID_VALUE;
  const std::pair<int, int> way{memory.deviceOf(source), memory.deviceOf(target)};
  if (way.first != way.second && (peer_contexts.count(way) == 0 || peer_pools.count(way) == 0)) return INVALID_VALUE;
  return enqueueMove(target, source, bytes, stream);
}
EXPORT Status cuMemcpyPeerAsync(uint64_t target, void* to, uint64_t source, void* from, size_t bytes, void* stream) {
  ENTER();
  if (to == nullptr || from == nullptr) return INVALID_CONTEXT;
  if (bytes == 0 || leftOut(bytes)) return SUCCESS;
  if (!memory.contains(target, bytes) || !memory.contains(source, bytes)) return INVALID_VALUE;
  return enqueueMove(target, source, bytes, stream);
}
EXPORT Status cuMemsetD8Async(uint64_t target, unsigned char value, size_t count, void* stream) {
  ENTER();
  if (count == 0 || leftOut(count)) return SUCCESS;
  if (!memory.contains(target, count)) return INVALID_VALUE;
  if (!born(target, stream)) return premature("a fill");
  return enqueue(stream, [=] {
    if (writable(target, count)) std::memset(reinterpret_cast<void*>(target), value, count);
  });
}
EXPORT Status cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER_CONTEXT();
  *total = totalBytes();
  const size_t held = memory.held(current->device);
  *free = held < *total ? *total - held : 0;
  return SUCCESS;
}
EXPORT Status cuDeviceGetDefaultMemPool(void** pool, int device) {
  ENTER();
  if (device < 0 || device >= deviceCount()) return INVALID_DEVICE;
  *pool = reinterpret_cast<void*>(static_cast<uintptr_t>(device) + 1);
  return SUCCESS;
}
EXPORT Status cuMemPoolSetAttribute(void* pool, int, void* value) {
  ENTER();
  return pool == nullptr || value == nullptr ? INVALID_VALUE : SUCCESS;
}
EXPORT Status cuMemPoolSetAccess(void* pool, const int* location, size_t count) {
  ENTER();
  constexpr int OF_A_DEVICE = 1, READ_WRITE = 3;
  if (pool == nullptr || count != 1 || location[0] != OF_A_DEVICE || location[2] != READ_WRITE) return INVALID_VALUE;
  if (location[1] < 0 || location[1] >= deviceCount()) return INVALID_DEVICE;
  std::lock_guard<std::recursive_mutex> lock(state);
  peer_pools.insert({static_cast<int>(reinterpret_cast<uintptr_t>(pool)) - 1, location[1]});
  return SUCCESS;
}
EXPORT Status cuMemPoolTrimTo(void* pool, size_t) {
  ENTER();
  if (pool == nullptr) return INVALID_VALUE;
  memory.trim(static_cast<int>(reinterpret_cast<uintptr_t>(pool)) - 1);
  return SUCCESS;
}

// ── Programs ─────────────────────────────────────────────────────────────────────────────────────────────────────

EXPORT Status cuModuleLoadData(void** handle, const unsigned char* image) {
  ENTER_CONTEXT();
  // An ELF file ends with its section headers: their offset, size and number stand in its own header.
  if (std::memcmp(image, "\177ELF", 4) != 0) return INVALID_IMAGE;
  uint64_t offset;
  uint16_t size, count;
  std::memcpy(&offset, image + 40, sizeof offset);
  std::memcpy(&size, image + 58, sizeof size);
  std::memcpy(&count, image + 60, sizeof count);
  const size_t bytes = offset + static_cast<size_t>(size) * count;
  char path[] = "/tmp/emulated-cubin-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) return INVALID_IMAGE;
  bool written = true;
  for (size_t at = 0; at < bytes && written;) {
    const ssize_t step = write(file, image + at, bytes - at);
    written = step > 0;
    at += static_cast<size_t>(step);
  }
  close(file);
  void* library = written ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) std::fprintf(stderr, "emulated GPU: %s\n", dlerror());
  unlink(path);
  if (library == nullptr) return INVALID_IMAGE;
  const auto* module = static_cast<const EmulatedModule*>(dlsym(library, "emulated_module"));
  if (module == nullptr) return INVALID_IMAGE;
  if (module->architecture / 10 != COMPUTE_MAJOR || module->architecture % 10 > COMPUTE_MINOR) {
    dlclose(library);
    return NO_BINARY_FOR_GPU;
  }
  std::lock_guard<std::recursive_mutex> lock(state);
  *handle = *modules.insert(new Module{library, module, {}}).first;
  return SUCCESS;
}
EXPORT Status cuModuleUnload(void* handle) {
  drainAll();
  std::lock_guard<std::recursive_mutex> lock(state);
  auto* module = static_cast<Module*>(handle);
  if (modules.erase(module) == 0) return INVALID_HANDLE;
  for (Function* function : module->functions) delete function;
  dlclose(module->library);
  delete module;
  return SUCCESS;
}
EXPORT Status cuModuleGetFunction(void** handle, void* module_handle, const char* name) {
  ENTER();
  std::lock_guard<std::recursive_mutex> lock(state);
  auto* module = static_cast<Module*>(module_handle);
  if (modules.count(module) == 0) return INVALID_HANDLE;
  for (int i = 0; i < module->module->kernel_count; i++) {
    const EmulatedKernel* kernel = &module->module->kernels[i];
    if (std::strcmp(kernel->name, name) != 0) continue;
    *handle = *module->functions.insert(new Function{module->module, kernel}).first;
    return SUCCESS;
  }
  return NOT_FOUND;
}
EXPORT Status cuFuncSetAttribute(void* handle, int attribute, int value) {
  ENTER();
  constexpr int DYNAMIC_SHARED_BYTES = 8, CARVEOUT = 9;
  if (attribute == CARVEOUT) return SUCCESS;
  if (attribute != DYNAMIC_SHARED_BYTES || value < 0 || value > SHARED_OPT_IN) return INVALID_VALUE;
  static_cast<Function*>(handle)->dynamic_shared = value;
  return SUCCESS;
}
EXPORT Status cuLaunchKernel(void* handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                             unsigned bz, unsigned shared, void* stream, void** parameters, void** extra) {
  ENTER();
  const auto* function = static_cast<const Function*>(handle);
  if (function == nullptr || known(stream) == nullptr) return INVALID_HANDLE;
  if (gx == 0 || gy == 0 || gz == 0 || gx > 0x7fffffffu || gy > 65535 || gz > 65535) return INVALID_VALUE;
  if (bx == 0 || by == 0 || bz == 0 || bx > 1024 || by > 1024 || bz > 64 || bx * by * bz > 1024) return INVALID_VALUE;
  if (bx * by * bz > function->kernel->most_threads) {
    std::fprintf(stderr, "emulated GPU: kernel %s takes at most %u threads a block, not %u\n", function->kernel->name,
                 function->kernel->most_threads, bx * by * bz);
    return INVALID_VALUE;
  }
  if (shared > static_cast<unsigned>(function->dynamic_shared)) return INVALID_VALUE;
  const uint64_t wanted = function->kernel->parameter_bytes;
  const void* buffer = nullptr;
  size_t size = 0;
  for (size_t i = 0; extra != nullptr && extra[i] != nullptr; i += 2) {
    const auto kind = reinterpret_cast<uintptr_t>(extra[i]);
    if (kind == 1) buffer = extra[i + 1];
    if (kind == 2) size = *static_cast<size_t*>(extra[i + 1]);
  }
  if (parameters != nullptr || (buffer == nullptr && wanted > 0)) return INVALID_VALUE;
  if (size < wanted || size > (wanted + 7) / 8 * 8) {
    std::fprintf(stderr, "emulated GPU: kernel %s takes %llu bytes of parameters, not %zu\n", function->kernel->name,
                 static_cast<unsigned long long>(wanted), size);
    return INVALID_VALUE;
  }
  const auto* bytes = static_cast<const unsigned char*>(buffer);
  for (int i = 0; i < function->kernel->pointer_count; i++) {
    uint64_t address;
    std::memcpy(&address, bytes + function->kernel->pointers[i], sizeof address);
    const std::string wrong = memory.refusal(address, current->device);
    if (!wrong.empty()) fault(ILLEGAL_ADDRESS, std::string("kernel ") + function->kernel->name + " was given " + wrong);
    if (!born(address, stream)) premature(std::string("kernel ") + function->kernel->name);
  }
  if (sticky != SUCCESS) return sticky;
  launches++;
  if (idle()) return SUCCESS;
  Launch launch{*function, {gx, gy, gz}, {bx, by, bz}, shared, {bytes, bytes + size}};
  return enqueue(stream, [launch = std::move(launch)] { runLaunch(launch); });
}
EXPORT Status cuGetErrorName(int status, const char** text) {
  const auto* found = describe(status);
  *text = found == nullptr ? nullptr : found->first;
  return found == nullptr ? INVALID_VALUE : SUCCESS;
}
EXPORT Status cuGetErrorString(int status, const char** text) {
  const auto* found = describe(status);
  *text = found == nullptr ? nullptr : found->second;
  return found == nullptr ? INVALID_VALUE : SUCCESS;
}
