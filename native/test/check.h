// The little that tests need: named cases, checks that say where they failed, random numbers.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "../src/memory.h"

namespace test {

inline int failures = 0;

inline void fail(const char* file, int line, const std::string& what) {
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
  failures++;
}

#define CHECK(condition) \
  do { \
    if (!(condition)) ::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)

// Expects an Error with this code whose message contains `part`.
template <typename Run>
void expectError(const char* file, int line, const char* code, const std::string& part, Run run) {
  try {
    run();
    fail(file, line, "no error; expected: " + part);
  } catch (const paceline::Error& error) {
    if (std::string(error.code()) != code || std::string(error.what()).find(part) == std::string::npos)
      fail(file, line, std::string(error.code()) + ": " + error.what() + "; expected " + code + ": " + part);
  }
}
#define CHECK_ERROR(code, part, ...) ::test::expectError(__FILE__, __LINE__, code, part, [&] { __VA_ARGS__; })

inline void promise(const char* name, const std::function<void()>& body) {
  const int before = failures;
  body();
  std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", name);
  std::fflush(stdout);
}

inline int finish() {
  if (failures > 0) std::printf("%d checks failed\n", failures);
  return failures > 0;
}

// splitmix64
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 .. below - 1
  int below(int below) { return static_cast<int>(next() % static_cast<uint64_t>(below)); }
  // -1 .. 1
  float unit() { return static_cast<float>(static_cast<double>(next() >> 11) * 0x1p-52 - 1); }

 private:
  uint64_t state_;
};

}  // namespace test
