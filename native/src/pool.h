// A team of threads that runs one function together, and meets at barriers inside it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace paceline {

class Pool {
 public:
  static constexpr int kMaxThreads = 256;

  // `threads` in all: the caller of `run` is thread 0. Throws std::system_error when threads cannot be had.
  explicit Pool(int threads);
  // Waits for the threads to end. Not while `run` is running.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }

  // Calls job(threadIndex) on all threads and returns when all have returned. One caller at a time; `job` must not throw.
  template <typename Job>
  void run(Job& job) {
    runErased([](void* erased, int thread) noexcept { (*static_cast<Job*>(erased))(thread); }, &job);
  }

  // Inside a job, on every thread equally often: returns when all threads have come here.
  void barrier() noexcept;

 private:
  using Call = void (*)(void* job, int thread) noexcept;

  void runErased(Call call, void* job);
  void work(int thread) noexcept;
  void awaitRun(uint32_t seen) noexcept;
  void join() noexcept;

  // What threads spin on lies in cache lines of its own.
  alignas(64) std::atomic<uint32_t> run_{0};      // number of the newest run
  alignas(64) std::atomic<uint32_t> arrived_{0};  // at the barrier
  alignas(64) std::atomic<uint32_t> phase_{0};    // barriers passed
  alignas(64) std::atomic<uint32_t> busy_{0};     // threads other than the caller that have not finished the run
  alignas(64) std::atomic<uint32_t> parked_{0};

  Call call_ = nullptr;
  void* job_ = nullptr;
  bool stop_ = false;

  const int threads_;
  bool yield_;  // more threads than processors: a spinning thread would keep another one from working
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace paceline
