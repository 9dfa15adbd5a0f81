// How much longer a pass over T rows takes than a pass over one row: v(T), for weights that come from memory.
//
//   kernels_bench [table] [f32|int8|int4 ...] [threads]
//
// The weights are 16 layers of 2048 x 5632 (185M parameters). Row counts and a plain read of as many bytes take turns, so
// that a change of the machine's mood hits all of them; what is printed are medians, and ratios within one turn. A pass
// during which other processes took a processor away does not count.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../src/kernels.h"

namespace {

using paceline::Kernels;
using paceline::kPanel;
using paceline::LinearWeight;
using paceline::WeightType;

constexpr int kLayers = 16, kSamples = 9;
constexpr double kBudget = 30e3;  // milliseconds per type
int threadCount = 2;
constexpr int kRows[] = {1, 2, 4, 8, 12, 16, 32, 64, 256};
constexpr int kMaxRows = 256;

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Processor time of all threads; they never sleep, so this tells whether they were kept from running.
double processorTime() { return 1e3 * double(std::clock()) / CLOCKS_PER_SEC; }

// Milliseconds that `run` takes; negative if other processes took a processor away meanwhile.
template <typename Run>
double timed(Run run) {
  const double start = now(), used = processorTime();
  run();
  const double time = now() - start;
  return processorTime() - used > 0.97 * threadCount * time ? time : -time;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Threads that wait for the next job in a loop: a measurement, not a way to build a pool.
class Pool {
 public:
  Pool() {
    for (int i = 1; i < threadCount; i++) threads_.emplace_back([this, i] { work(i); });
  }
  ~Pool() {
    run(nullptr);
    for (auto& thread : threads_) thread.join();
  }
  // Null ends the threads.
  void run(const std::function<void(int)>* job) {
    job_ = job;
    busy_ = threadCount - 1;
    turn_++;
    if (job) (*job)(0);
    while (busy_ > 0) {
    }
  }

 private:
  void work(int thread) {
    for (int seen = 0;;) {
      while (turn_ == seen) {
      }
      seen++;
      const auto* job = job_;
      if (job) (*job)(thread);
      busy_--;
      if (!job) return;
    }
  }
  std::atomic<int> turn_{0}, busy_{0};
  const std::function<void(int)>* job_ = nullptr;
  std::vector<std::thread> threads_;
};

uint8_t* allocate(size_t bytes) {
  constexpr size_t kHuge = 2 << 20;
  void* p = std::aligned_alloc(kHuge, (bytes + kHuge) / kHuge * kHuge);
  if (!p) std::abort();
#if defined(__linux__)
  madvise(p, (bytes + kHuge) / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  return static_cast<uint8_t*>(p);
}

float noise() { return float(std::rand()) / float(RAND_MAX) - 0.5f; }

struct Layer {
  LinearWeight weight;
  int panels;
};

Layer makeLayer(const Kernels& kernels, WeightType type, int n, int k) {
  Layer layer{{type, n, k, kernels.panelBytes(type, k), nullptr}, (n + kPanel - 1) / kPanel};
  uint8_t* data = allocate(layer.panels * layer.weight.panelBytes);
  // One panel of noise, repeated: time does not depend on the values.
  std::vector<float> dense(size_t(kPanel) * k), scales(kPanel, 0.01f);
  std::vector<int8_t> bytes(dense.size());
  std::vector<uint8_t> halves(dense.size());
  std::vector<uint16_t> halfScales(dense.size() / 64, 0x2000);
  for (size_t i = 0; i < dense.size(); i++) {
    dense[i] = noise();
    bytes[i] = int8_t(std::rand() % 255 - 127);
    halves[i] = uint8_t(std::rand());
  }
  if (type == WeightType::kF32) kernels.packF32(dense.data(), kPanel, k, 0, data);
  if (type == WeightType::kInt8) kernels.packInt8(bytes.data(), scales.data(), kPanel, k, 0, data);
  if (type == WeightType::kInt4) kernels.packInt4(halves.data(), halfScales.data(), kPanel, k, 0, data);
  for (int p = 1; p < layer.panels; p++) {
    std::memcpy(data + p * layer.weight.panelBytes, data, layer.weight.panelBytes);
  }
  layer.weight.data = data;
  return layer;
}

std::atomic<uint64_t> sink;

// A read that does nothing else, and as fast as plain code can.
void readAll(const uint8_t* data, size_t bytes) {
  uint64_t sums[16] = {};
  for (size_t i = 0; i + 128 <= bytes; i += 128) {
    __builtin_prefetch(data + i + 4096);
    __builtin_prefetch(data + i + 4160);
    uint64_t words[16];
    std::memcpy(words, data + i, 128);
    for (int j = 0; j < 16; j++) sums[j] += words[j];
  }
  for (uint64_t sum : sums) sink += sum;
}

void bench(const Kernels& kernels, WeightType type, const char* typeName, Pool& pool) {
  std::vector<Layer> layers;
  double bytes = 0, parameters = 0;
  for (int i = 0; i < kLayers; i++) {
    layers.push_back(i % 2 ? makeLayer(kernels, type, 2048, 5632) : makeLayer(kernels, type, 5632, 2048));
    bytes += double(layers[i].panels) * layers[i].weight.panelBytes;
    parameters += 2048.0 * 5632;
  }
  std::vector<float> x(size_t(kMaxRows) * 5632), y(x.size());
  for (float& v : x) v = noise();
  const size_t quantisedStride = kernels.quantisedRowBytes(type, 5632);
  uint8_t* quantised = allocate(kMaxRows * quantisedStride);

  auto pass = [&](int rows) {
    for (const Layer& layer : layers) {
      const int k = layer.weight.k, n = layer.weight.n;
      const uint8_t* input = reinterpret_cast<const uint8_t*>(x.data());
      size_t stride = size_t(k) * sizeof(float);
      if (type != WeightType::kF32) {
        stride = kernels.quantisedRowBytes(type, k);
        const std::function<void(int)> quantise = [&](int thread) {
          for (int r = thread; r < rows; r += threadCount) {
            kernels.quantiseRow(type, x.data() + size_t(r) * k, k, quantised + r * stride);
          }
        };
        pool.run(&quantise);
        input = quantised;
      }
      const std::function<void(int)> multiply = [&](int thread) {
        const int begin = layer.panels * thread / threadCount, end = layer.panels * (thread + 1) / threadCount;
        kernels.linear(layer.weight, input, stride, rows, y.data(), n, begin, end);
      };
      pool.run(&multiply);
    }
  };
  auto stream = [&] {
    for (const Layer& layer : layers) {
      const std::function<void(int)> read = [&](int thread) {
        const size_t half = layer.panels * layer.weight.panelBytes / threadCount;
        readAll(layer.weight.data + half * thread, half);
      };
      pool.run(&read);
    }
  };

  constexpr int kCounts = sizeof(kRows) / sizeof(kRows[0]);
  std::vector<double> streams, efficiency, times[kCounts], ratios[kCounts];
  pass(1);
  const double end = now() + kBudget;
  double one = -1;
  for (bool enough = false; !enough && now() < end;) {
    const double before = one;
    enough = true;
    for (int i = 0; i < kCounts; i++) {
      const size_t wanted = kRows[i] <= 32 ? kSamples : 3;
      if (i && times[i].size() >= wanted) continue;
      const double time = timed([&] { pass(kRows[i]); });
      if (i == 0) {
        one = time;
        const double read = timed(stream);
        if (read > 0) streams.push_back(read);
        if (read > 0 && one > 0) efficiency.push_back(read / one);
      }
      if (time > 0) {
        times[i].push_back(time);
        if (one > 0) ratios[i].push_back(time / one);
      }
      enough = enough && times[i].size() >= wanted && ratios[i].size() >= wanted / 2;
    }
    if (one < 0) std::this_thread::sleep_for(std::chrono::milliseconds(before < 0 ? 200 : 20));
  }
  std::printf("\n%s %s: %.0f MB, plain read %.2f ms (%.1f GB/s, best %.1f); one row reaches %.0f %% of it\n", kernels.name,
              typeName, bytes / 1e6, median(streams), bytes / median(streams) / 1e6,
              streams.empty() ? 0 : bytes / *std::min_element(streams.begin(), streams.end()) / 1e6, 100 * median(efficiency));
  std::printf("  rows      ms    v(T)   GB/s    GOP/s  best ms  best GOP/s  samples\n");
  for (int i = 0; i < kCounts; i++) {
    if (times[i].empty()) {
      std::printf("  %4d  always disturbed\n", kRows[i]);
      continue;
    }
    const double time = median(times[i]), best = *std::min_element(times[i].begin(), times[i].end());
    const double operations = 2 * parameters * kRows[i];
    std::printf("  %4d %7.2f  %6.2f  %5.1f  %7.0f  %7.2f  %10.0f  %7zu\n", kRows[i], time, median(ratios[i]), bytes / time / 1e6,
                operations / time / 1e6, best, operations / best / 1e6, times[i].size());
  }
  std::fflush(stdout);
  for (Layer& layer : layers) std::free(const_cast<uint8_t*>(layer.weight.data));
  std::free(quantised);
}

}  // namespace

int main(int argc, char** argv) {
  const char* reason = nullptr;
  const Kernels* kernels = paceline::chooseKernels(argc > 1 ? argv[1] : nullptr, &reason);
  if (!kernels) {
    std::fprintf(stderr, "%s\n", reason);
    return 1;
  }
  bool any = false;
  for (int i = 2; i < argc; i++) {
    if (std::atoi(argv[i]) > 0) {
      threadCount = std::atoi(argv[i]);
    } else {
      any = true;
    }
  }
  Pool pool;
  const char* names[] = {"f32", "int8", "int4"};
  for (int type = 2; type >= 0; type--) {
    bool wanted = !any;
    for (int i = 2; i < argc; i++) wanted = wanted || std::string(argv[i]) == names[type];
    if (wanted) bench(*kernels, WeightType(type), names[type], pool);
  }
  return 0;
}
