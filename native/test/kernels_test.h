// What the tests of the kernels share.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../src/kernels.h"
#include "check.h"

namespace test {

using paceline::Kernels;
using paceline::WeightType;

// Exactly as many elements as asked for, on the heap, so that a sanitizer sees the first byte too far.
template <typename T>
class Array {
 public:
  explicit Array(size_t count, size_t alignment = 64) : count_(count) {
    const size_t bytes = count * sizeof(T);
    // aligned_alloc wants whole multiples; the array lies at their end where its size allows
    const size_t whole = (bytes + alignment - 1) / alignment * alignment;
    memory_ = static_cast<uint8_t*>(std::aligned_alloc(alignment, whole ? whole : alignment));
    data_ = reinterpret_cast<T*>(memory_ + (alignment > alignof(T) && bytes % alignment ? whole - bytes : 0));
    if (reinterpret_cast<uintptr_t>(data_) % alignof(T)) std::abort();
    std::memset(static_cast<void*>(data_), 0, bytes);
  }
  ~Array() { std::free(memory_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  size_t count_;
  uint8_t* memory_;
  T* data_;
};

// Equal bits; any NaN equals any other.
inline bool sameBits(const float* a, const float* b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (a[i] != a[i] && b[i] != b[i]) continue;
    if (std::memcmp(a + i, b + i, sizeof(float)) != 0) return false;
  }
  return true;
}

inline std::vector<const Kernels*> allTables() {
  std::vector<const Kernels*> tables;
  for (const Kernels* const* table = paceline::availableKernels(); *table; table++) tables.push_back(*table);
  return tables;
}

// `body` once per table.
template <typename Body>
void promiseOfEach(const std::string& name, Body body) {
  for (const Kernels* table : allTables()) promise((std::string(table->name) + ": " + name).c_str(), [&] { body(*table); });
}

void testRows();  // kernels_rows_test.cc

}  // namespace test
