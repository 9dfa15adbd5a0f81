// Keys and values of the positions decided so far, and of the rows that ran since, which wait behind them. In front of
// them there may be a prefix, which riders see and no other row does.
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

  // Parents of the rows that wait: of those that ran since the last commit or truncate, and were not forgotten. Row i
  // lies at slot length + i.
  const std::vector<int32_t>& waiting() const { return parents_; }
  // Throws Error when a run of `rows` rows cannot follow the first `held` of those that wait: code "argument" when there
  // are not so many, "context" when there is no room.
  void check(int64_t held, int32_t rows) const;
  // Forgets the rows that wait but for the first `held`, and makes room for `rows` more behind them. Checks as above.
  void begin(int64_t held, int32_t rows);
  // The rows after `length` are now those with these parents: the ones held, then the ones that ran.
  void stage(const std::vector<int32_t>& parents);
  // Rows that wait become positions: a path from a row whose parent is -1 downwards. The others are forgotten.
  void commit(const int32_t* path, size_t count);
  void truncate(int64_t length);

  // Puts these in front of the positions: of each layer [count, kvHeads, headDim]; a count of 0 takes them away. Throws
  // Error, code "argument", unless the cache is empty.
  void setPrefix(int64_t count, const std::vector<const float*>& keys, const std::vector<const float*>& values);
  int32_t prefix() const { return prefix_; }

  // Keys and values of a head of a layer, from position 0 on: [slots, headDim]. What attention reads lies in one piece.
  float* keys(int32_t layer, int32_t head) const { return prefixKeys(layer, head) + behindPrefix(layer); }
  float* values(int32_t layer, int32_t head) const { return prefixValues(layer, head) + behindPrefix(layer); }
  // Those of the prefix: [prefix, headDim].
  float* prefixKeys(int32_t layer, int32_t head) const { return layers_[layer].at(layers_[layer].keys, head); }
  float* prefixValues(int32_t layer, int32_t head) const { return layers_[layer].at(layers_[layer].values, head); }

 private:
  // [kvHeads, slots, headDim]: the prefix, then the positions, then the rows that wait.
  struct Layer {
    CacheSpec spec;
    Buffer keys, values;
    int64_t slots = 0;

    float* at(const Buffer& buffer, int32_t head) const { return buffer.floats() + head * slots * spec.headDim; }
  };

  size_t behindPrefix(int32_t layer) const { return size_t{1} * prefix_ * specs_[layer].headDim; }

  const std::vector<CacheSpec> specs_;
  const int32_t capacity_;
  int32_t prefix_ = 0;
  int32_t length_ = 0;
  std::vector<Layer> layers_;
  std::vector<int32_t> parents_;  // of the rows that wait
};

}  // namespace paceline
