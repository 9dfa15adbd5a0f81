#include "pool.h"

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace paceline {
namespace {

// How long a thread without work stays awake for the next run. Passes of one decoding step follow one another faster.
constexpr auto kAwake = std::chrono::microseconds(200);
// Turns of a spin before it lets others run, about half a millisecond: a thread that gives its processor away at a
// barrier gets it back a time slice later, when the others in turn wait for it. Yielding at once took up to 20 times longer.
constexpr int kSpins = 20000;

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
  for (int spins = 0; !ready();) {
    if (yield || spins >= kSpins) {
      std::this_thread::yield();
    } else {
      spins++;
      pause();
    }
  }
}

}  // namespace

Pool::Pool(int threads) : threads_(threads) {
  const unsigned processors = std::thread::hardware_concurrency();
  yield_ = processors != 0 && static_cast<unsigned>(threads) > processors;
  workers_.reserve(threads > 0 ? threads - 1 : 0);
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
    stop_ = true;
    run_.fetch_add(1, std::memory_order_seq_cst);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Pool::runErased(Call call, void* job) {
  if (threads_ == 1) {
    call(job, 0);
    return;
  }
  call_ = call;
  job_ = job;
  busy_.store(threads_ - 1, std::memory_order_relaxed);
  // Either this thread sees a parked worker, or that worker, before it sleeps, sees the new run: both sides write first
  // and read then, in one total order.
  run_.fetch_add(1, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) != 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  call(job, 0);
  spinUntil(yield_, [this] { return busy_.load(std::memory_order_acquire) == 0; });
}

void Pool::work(int thread) noexcept {
  for (uint32_t seen = 0;; seen++) {
    awaitRun(seen);
    if (stop_) return;
    call_(job_, thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

// Every worker takes part in every run, so the run after number `seen` is seen + 1.
void Pool::awaitRun(uint32_t seen) noexcept {
  const auto until = std::chrono::steady_clock::now() + kAwake;
  for (int spins = 1; run_.load(std::memory_order_acquire) == seen; spins++) {
    if (yield_) {
      std::this_thread::yield();
    } else {
      pause();
    }
    if (spins % 64 != 0 || std::chrono::steady_clock::now() < until) continue;
    std::unique_lock<std::mutex> lock(mutex_);
    parked_.fetch_add(1, std::memory_order_seq_cst);
    wake_.wait(lock, [&] { return run_.load(std::memory_order_seq_cst) != seen; });
    parked_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
}

void Pool::barrier() noexcept {
  if (threads_ == 1) return;
  const uint32_t phase = phase_.load(std::memory_order_relaxed);  // cannot change before this thread arrives
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(threads_)) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    return;
  }
  spinUntil(yield_, [&] { return phase_.load(std::memory_order_acquire) != phase; });
}

}  // namespace paceline
