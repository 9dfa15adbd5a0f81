// Keys and values of the positions decided so far, and of the rows of the last run, which wait behind them.
#pragma once
#include <cstdint>
#include <vector>

#include "memory.h"

namespace paceline {

struct CacheSpec {
  int32_t kvHeads, headDim;
  bool operator==(const CacheSpec& other) const { return kvHeads == other.kvHeads && headDim == other.headDim; }
};

class Cache {
 public:
  static constexpr int64_t kMaxCapacity = int64_t{1} << 24;

  // Room for `capacity` positions at most; memory is taken as it is needed.
  Cache(std::vector<CacheSpec> specs, int64_t capacity);

  const std::vector<CacheSpec>& specs() const { return specs_; }
  int32_t length() const { return length_; }
  int32_t capacity() const { return capacity_; }
  size_t bytes() const;

  // Throws Error (code "context") when `rows` more positions do not fit.
  void checkRoom(int32_t rows) const;
  // Makes room for `rows` rows after `length`, and forgets those of the run before.
  void begin(int32_t rows);
  // The rows after `length` are now those of a run with these parents.
  void stage(const std::vector<int32_t>& parents);
  // Rows of that run become positions: a path from a row whose parent is -1 downwards.
  void commit(const int32_t* path, size_t count);
  void truncate(int64_t length);

  // Keys and values of a head of a layer: [slots, headDim]. What attention reads lies in one piece.
  float* keys(int32_t layer, int32_t head) const { return layers_[layer].at(layers_[layer].keys, head); }
  float* values(int32_t layer, int32_t head) const { return layers_[layer].at(layers_[layer].values, head); }

 private:
  // [kvHeads, slots, headDim]
  struct Layer {
    CacheSpec spec;
    Buffer keys, values;
    int64_t slots = 0;

    float* at(const Buffer& buffer, int32_t head) const { return buffer.floats() + head * slots * spec.headDim; }
  };

  const std::vector<CacheSpec> specs_;
  const int32_t capacity_;
  int32_t length_ = 0;
  std::vector<Layer> layers_;
  bool staged_ = false;
  std::vector<int32_t> parents_;  // of the rows staged
};

}  // namespace paceline
