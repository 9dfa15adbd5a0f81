#include "../src/pool.h"

#include <chrono>
#include <thread>

#include "check.h"

using paceline::Pool;
using test::promise;

namespace {

std::chrono::nanoseconds processorTime() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Phases of the given numbers of chunks. Plain memory tells who was there: a wrong order is a race, too.
struct Counting {
  explicit Counting(std::vector<int> chunks) : sizes(std::move(chunks)), seen(sizes.size()) {
    for (size_t phase = 0; phase < sizes.size(); phase++) seen[phase].resize(sizes[phase]);
  }
  int phases() const { return static_cast<int>(sizes.size()); }
  int chunks(int phase) const { return sizes[phase]; }
  void execute(int phase, int chunk, int thread) {
    for (int count : phase > 0 ? seen[phase - 1] : std::vector<int>()) wrong += count != runs + 1;
    if (phase + 1 < phases()) wrong += seen[phase + 1][0] != runs;
    wrong += thread < 0 || thread >= threads;
    seen[phase][chunk]++;
  }
  void check(Pool& pool, int times) {
    threads = pool.threads();
    for (int i = 0; i < times; i++, runs++) pool.run(*this);
    for (const std::vector<int>& phase : seen)
      for (int count : phase) CHECK(count == runs);
    CHECK(wrong == 0);
  }

  const std::vector<int> sizes;
  std::vector<std::vector<int>> seen;  // times that a chunk was executed
  std::atomic<int> wrong{0};
  int runs = 0, threads = 0;
};

}  // namespace

int main() {
  promise("every chunk runs once, after all of the phase before and before any of the next", [] {
    for (int threads : {1, 2, 3, 8}) {
      Pool pool(threads);
      Counting(std::vector<int>{5, 1, 64, 2, 1, 1, 3}).check(pool, 500);
      Counting(std::vector<int>{1}).check(pool, 500);
      Counting(std::vector<int>()).check(pool, 3);
      Counting(std::vector<int>{Pool::kMaxChunks, 1}).check(pool, 1);
    }
  });

  promise("jobs that end before their memory does not live on in slow threads", [] {
    Pool pool(4);
    for (int i = 0; i < 3000; i++) {
      auto job = std::make_unique<Counting>(std::vector<int>{1 + i % 3, 1, 2});
      job->check(pool, 1);
    }
  });

  promise("workers that went to sleep wake up for a job", [] {
    Pool pool(3);
    // Chunks that wait for one another: each needs a thread of its own.
    struct Meeting {
      std::atomic<int> met{0};
      int phases() const { return 1; }
      int chunks(int) const { return 3; }
      void execute(int, int, int) {
        met++;
        while (met % 3 != 0) std::this_thread::yield();
      }
    } meeting;
    for (int run = 1; run <= 50; run++) {
      std::this_thread::sleep_for(std::chrono::microseconds(run % 2 ? 150 : 1500));
      pool.run(meeting);
      CHECK(meeting.met == 3 * run);
    }
  });

  promise("nobody waits for a thread that has claimed nothing", [] {
    Pool pool(2);
    // The other thread is held in a chunk of the first phase; the rest is done by one.
    struct Held {
      std::atomic<int> after{0};
      int phases() const { return 2; }
      int chunks(int phase) const { return phase == 0 ? 2 : 100; }
      void execute(int phase, int, int thread) {
        if (phase == 1) after++;
        if (phase == 1 && thread == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    } held;
    const auto begin = std::chrono::steady_clock::now();
    pool.run(held);
    CHECK(held.after == 100);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(500));
  });

  promise("an idle pool takes no processor time", [] {
    Pool pool(4);
    Counting(std::vector<int>{4}).check(pool, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto before = processorTime();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(processorTime() - before < std::chrono::milliseconds(10));
  });

  promise("pools come and go, used or not, in any thread", [] {
    std::vector<std::thread> owners;
    for (int owner = 0; owner < 4; owner++) {
      owners.emplace_back([owner] {
        for (int i = 0; i < 50; i++) {
          Pool pool(1 + (owner + i) % 4);
          Counting(std::vector<int>{3, 2}).check(pool, i % 3);
        }
      });
    }
    for (std::thread& owner : owners) owner.join();
  });

  return test::finish();
}
