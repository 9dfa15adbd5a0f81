#include "pool.h"

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace paceline {
namespace {

// How long a thread without work stays awake for the next job. Passes of one decoding step follow one another faster.
constexpr auto kAwake = std::chrono::microseconds(200);
// Turns of a spin before it lets others run, about half a millisecond. A thread that gives its processor away too early
// gets it back a time slice later, when the others in turn wait for it.
constexpr unsigned kSpins = 20000;

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Waits for `ready`. A thread that waits long is likely waiting for one that has no processor.
template <typename Ready>
inline void spinUntil(bool yield, Ready ready) {
  for (unsigned spins = 0; !ready();) {
    if (yield || spins >= kSpins) {
      std::this_thread::yield();
    } else {
      spins++;
      pause();
    }
  }
}

}  // namespace

Pool::Pool(int threads) : threads_(threads), shares_(new Share[threads]) {
  const unsigned processors = std::thread::hardware_concurrency();
  yield_ = processors != 0 && static_cast<unsigned>(threads) > processors;
  workers_.reserve(threads - 1);
  try {
    for (int thread = 1; thread < threads; thread++) workers_.emplace_back([this, thread] { work(thread); });
  } catch (...) {
    join();
    throw;
  }
}

Pool::~Pool() { join(); }

void Pool::join() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Pool::runErased(const Work& work) {
  if (threads_ == 1) {
    for (int phase = 0; phase < work.phases; phase++) {
      for (int chunk = 0, chunks = work.chunks(work.job, phase); chunk < chunks; chunk++)
        work.execute(work.job, phase, chunk, 0);
    }
    return;
  }
  if (work.phases == 0) return;
  work_ = work;
  first_ = (open_.load(std::memory_order_relaxed) >> 16) + 1;
  uint64_t open = advance(first_, 0);
  // Either this thread sees a parked worker, or that worker, before it sleeps, sees the job: both sides write first and
  // read then, in one total order.
  open_.store(open, std::memory_order_seq_cst);
  if ((open & 0xffff) != 0 && parked_.load(std::memory_order_seq_cst) != 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  const uint64_t end = first_ + static_cast<uint64_t>(work.phases);
  while (open >> 16 != end) {
    takePart(open, 0);
    const uint64_t seen = open;
    spinUntil(yield_, [&] { return (open = open_.load(std::memory_order_acquire)) != seen; });
  }
}

void Pool::work(int thread) noexcept {
  for (uint64_t open = 0;;) {
    open = awaitPhase(open);
    if (open == 0) return;
    takePart(open, thread);
  }
}

// A phase other than `seen`, or 0 at the end of the pool. Sleeps when there is no job for long.
uint64_t Pool::awaitPhase(uint64_t seen) noexcept {
  const auto chunks = [](uint64_t open) { return open & 0xffff; };
  auto until = std::chrono::steady_clock::now() + kAwake;
  for (unsigned spins = 1;; spins++) {
    uint64_t open = open_.load(std::memory_order_acquire);
    if (open != seen && chunks(open) != 0) return open;
    if (stop_.load(std::memory_order_relaxed)) return 0;
    if (yield_ || spins > kSpins) {
      std::this_thread::yield();
    } else {
      pause();
    }
    if (spins % 64 != 0) continue;
    const auto now = std::chrono::steady_clock::now();
    if (chunks(open) != 0) until = now + kAwake;
    if (now < until) continue;
    std::unique_lock<std::mutex> lock(mutex_);
    parked_.fetch_add(1, std::memory_order_seq_cst);
    wake_.wait(lock, [&] {
      open = open_.load(std::memory_order_seq_cst);
      return chunks(open) != 0 || stop_.load(std::memory_order_relaxed);
    });
    parked_.fetch_sub(1, std::memory_order_relaxed);
    until = std::chrono::steady_clock::now() + kAwake;
    spins = 0;
  }
}

void Pool::takePart(uint64_t open, int thread) noexcept {
  for (int i = 0; i < threads_; i++) {
    if (takeShare(open, (thread + i) % threads_, thread)) return;
  }
}

// Does what is left of a share. True if that was the end of the phase: then the next one is open.
bool Pool::takeShare(uint64_t open, int owner, int thread) noexcept {
  const uint64_t serial = open >> 16;
  uint32_t done = 0;
  for (int chunk; claim(open, owner, &chunk); done++)
    work_.execute(work_.job, static_cast<int>(serial - first_), chunk, thread);
  if (done == 0 || done_.fetch_add(done, std::memory_order_acq_rel) + done != (open & 0xffff)) return false;
  const uint64_t next = advance(serial + 1, thread);
  done_.store(0, std::memory_order_relaxed);
  open_.store(next, std::memory_order_release);
  return true;
}

// Claims the next chunk of a share. Once a phase is over its chunks have all been claimed, and no share says otherwise:
// a claim that succeeds is one of a phase that is still open.
bool Pool::claim(uint64_t open, int owner, int* chunk) noexcept {
  const uint64_t serial = open >> 16, chunks = open & 0xffff;
  const uint64_t begin = (chunks * owner + threads_ - 1) / threads_;
  const uint64_t end = (chunks * (owner + 1) + threads_ - 1) / threads_;
  std::atomic<uint64_t>& claimed = shares_[owner].claimed;
  uint64_t seen = claimed.load(std::memory_order_relaxed);
  for (;;) {
    if (seen >> 16 > serial) return false;
    const uint64_t taken = seen >> 16 == serial ? seen & 0xffff : 0;
    if (begin + taken >= end) return false;
    if (!claimed.compare_exchange_weak(seen, serial << 16 | (taken + 1), std::memory_order_relaxed)) continue;
    *chunk = static_cast<int>(begin + taken);
    return true;
  }
}

// Everything before phase `serial` is done: what to open next. A phase of one chunk is done here and now, by the thread
// that got here first: handing it over would take longer than most of them do.
uint64_t Pool::advance(uint64_t serial, int thread) noexcept {
  for (;; serial++) {
    const int phase = static_cast<int>(serial - first_);
    const int chunks = phase < work_.phases ? work_.chunks(work_.job, phase) : 0;
    if (chunks != 1) return serial << 16 | static_cast<uint64_t>(chunks);
    work_.execute(work_.job, phase, 0, thread);
  }
}

}  // namespace paceline
