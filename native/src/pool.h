// A team of threads that works through jobs together.
//
// A job is a list of phases; a phase is a number of chunks that may run at once, and the next phase begins when all of
// them are done. Threads claim chunks: first those of their own share, always the same ones, so that a processor finds
// its part of the weights in its own cache; then what is left of the others' shares. Nobody waits for a thread that has
// claimed nothing: on a busy machine a thread that has no processor costs its help, not the time until it gets one. A
// phase of one chunk is never opened to the others: the thread that ends the phase before it goes on with it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace paceline {

class Pool {
 public:
  static constexpr int kMaxThreads = 256;
  static constexpr int kMaxChunks = 65535;

  // `threads` in all: the caller of `run` is thread 0. Throws std::system_error when threads cannot be had.
  explicit Pool(int threads);
  // Waits for the threads to end. Not while `run` is running.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }

  // Runs job.execute(phase, chunk, thread) for each phase 0 .. job.phases() - 1 and chunk 0 .. job.chunks(phase) - 1
  // (1 to kMaxChunks). What one phase writes, the next ones see. One caller at a time; nothing in `job` may throw.
  template <typename Job>
  void run(Job& job) {
    const auto chunks = [](void* erased, int phase) noexcept { return static_cast<Job*>(erased)->chunks(phase); };
    const auto execute = [](void* erased, int phase, int chunk, int thread) noexcept {
      static_cast<Job*>(erased)->execute(phase, chunk, thread);
    };
    runErased({&job, job.phases(), chunks, execute});
  }

 private:
  struct Work {
    void* job;
    int phases;
    int (*chunks)(void* job, int phase) noexcept;
    void (*execute)(void* job, int phase, int chunk, int thread) noexcept;
  };
  struct alignas(64) Share {
    std::atomic<uint64_t> claimed{0};  // serial number of a phase << 16 | chunks of this share claimed in it
  };

  void runErased(const Work& work);
  void work(int thread) noexcept;
  uint64_t awaitPhase(uint64_t seen) noexcept;
  void takePart(uint64_t open, int thread) noexcept;
  bool takeShare(uint64_t open, int owner, int thread) noexcept;
  bool claim(uint64_t open, int owner, int* chunk) noexcept;
  uint64_t advance(uint64_t serial, int thread) noexcept;
  void join() noexcept;

  // Serial number of the newest phase << 16 | its chunks; no chunks: no job is running. Serial numbers are never used
  // again, so who was late for a phase finds it gone.
  alignas(64) std::atomic<uint64_t> open_{0};
  alignas(64) std::atomic<uint32_t> done_{0};  // chunks of the open phase
  alignas(64) std::atomic<uint32_t> parked_{0};
  std::atomic<bool> stop_{false};

  // Written while no job is running; read by who has claimed a chunk: until it is done, the job cannot end.
  Work work_{};
  uint64_t first_ = 0;  // serial number of phase 0

  const int threads_;
  bool yield_;  // more threads than processors: a spinning thread would keep another one from working
  std::unique_ptr<Share[]> shares_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace paceline
