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

}  // namespace

int main() {
  promise("every thread runs the job once, with its own index, in every run", [] {
    for (int threads : {1, 2, 3, 8}) {
      Pool pool(threads);
      std::vector<int> calls(threads * 64);
      auto job = [&](int thread) { calls[thread * 64]++; };
      for (int run = 0; run < 2000; run++) pool.run(job);
      for (int thread = 0; thread < threads; thread++) CHECK(calls[thread * 64] == 2000);
    }
  });

  promise("what was written before a barrier is seen by all after it", [] {
    for (int threads : {1, 2, 3, 5}) {
      Pool pool(threads);
      std::vector<int> values(threads);
      std::atomic<int> wrong{0};
      auto job = [&](int thread) {
        for (int round = 1; round <= 300; round++) {
          values[thread] = round;
          pool.barrier();
          for (int value : values) wrong += value != round;
          pool.barrier();
        }
      };
      for (int run = 0; run < 10; run++) pool.run(job);
      CHECK(wrong == 0);
    }
  });

  promise("workers that went to sleep wake up for a run", [] {
    Pool pool(3);
    std::atomic<int> calls{0};
    auto job = [&](int) { calls++; };
    for (int run = 1; run <= 50; run++) {
      std::this_thread::sleep_for(std::chrono::microseconds(run % 2 ? 150 : 1500));
      pool.run(job);
      CHECK(calls == 3 * run);
    }
  });

  promise("an idle pool takes no processor time", [] {
    Pool pool(4);
    auto job = [](int) {};
    pool.run(job);
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
          auto job = [](int) {};
          for (int run = 0; run < i % 3; run++) pool.run(job);
        }
      });
    }
    for (std::thread& owner : owners) owner.join();
  });

  return test::finish();
}
