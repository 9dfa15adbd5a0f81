// Aligned memory that is given back by its owner, and the one kind of error that leaves this code.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace paceline {

// `code` is what the JS Error carries: "argument", "context" or "runtime".
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

inline Error argumentError(const std::string& message) { return Error("argument", message); }

// Zeroed bytes that start at a multiple of 64; throws Error when there is no memory.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();

  size_t size() const { return size_; }
  uint8_t* data() const { return data_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Hands free memory of the process's heap back to the system, where its malloc keeps any (glibc); else does nothing.
void releaseFreeMemory();

constexpr size_t roundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

}  // namespace paceline
