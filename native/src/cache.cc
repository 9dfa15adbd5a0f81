#include "cache.h"

#include <algorithm>

namespace paceline {
namespace {

// Slots come in multiples of this.
constexpr int64_t kSlotStep = 64;

int32_t checkedCapacity(int64_t capacity) {
  if (capacity < 1 || capacity > Cache::kMaxCapacity)
    throw argumentError("a cache holds 1 to " + std::to_string(Cache::kMaxCapacity) + " positions, got " +
                        std::to_string(capacity));
  return static_cast<int32_t>(capacity);
}

}  // namespace

Cache::Cache(std::vector<CacheSpec> specs, int64_t capacity)
    : specs_(std::move(specs)), capacity_(checkedCapacity(capacity)) {
  for (const CacheSpec& spec : specs_) layers_.push_back({spec, Buffer(), Buffer()});
}

size_t Cache::bytes() const {
  size_t sum = 0;
  for (const Layer& layer : layers_) sum += layer.keys.size() + layer.values.size();
  return sum;
}

void Cache::check(int64_t held, int32_t rows) const {
  if (held < 0 || static_cast<uint64_t>(held) > parents_.size())
    throw argumentError("held: expected 0 to " + std::to_string(parents_.size()) +
                        ", the rows since the last commit or truncate, got " + std::to_string(held));
  if (held + rows > capacity_ - length_)
    throw Error("context", std::to_string(held + rows) + " rows after " + std::to_string(length_) +
                               " positions do not fit a cache of " + std::to_string(capacity_) + " positions" +
                               (held > 0 ? " (" + std::to_string(held) + " of them held)" : ""));
}

void Cache::begin(int64_t held, int32_t rows) {
  check(held, rows);
  parents_.resize(held);
  const int64_t kept = prefix_ + length_ + held, needed = kept + rows;
  // A quarter more than needed: the copies of all growth together stay below five times the cache.
  const int64_t slots = std::min<int64_t>(prefix_ + capacity_, roundUp(needed + needed / 4, kSlotStep));
  for (Layer& layer : layers_) {
    if (needed <= layer.slots) continue;
    const size_t slotBytes = sizeof(float) * layer.spec.headDim, bytes = layer.spec.kvHeads * slots * slotBytes;
    Layer grown{layer.spec, Buffer(bytes), Buffer(bytes), slots};
    for (int32_t head = 0; kept > 0 && head < layer.spec.kvHeads; head++) {
      std::memcpy(grown.at(grown.keys, head), layer.at(layer.keys, head), kept * slotBytes);
      std::memcpy(grown.at(grown.values, head), layer.at(layer.values, head), kept * slotBytes);
    }
    layer = std::move(grown);
  }
}

void Cache::stage(const std::vector<int32_t>& parents) { parents_ = parents; }

void Cache::commit(const int32_t* path, size_t count) {
  if (parents_.empty()) throw argumentError("commit: no run since the last commit or truncate");
  int32_t before = -1;
  for (size_t i = 0; i < count; i++) {
    const int32_t row = path[i];
    if (row < 0 || static_cast<size_t>(row) >= parents_.size() || parents_[row] != before)
      throw argumentError("commit: not a path of the rows since the last commit: row " + std::to_string(row) + " after row " +
                          std::to_string(before));
    before = row;
  }
  for (size_t layer = 0; layer < layers_.size(); layer++) {
    const size_t width = specs_[layer].headDim;
    for (int32_t head = 0; head < specs_[layer].kvHeads; head++) {
      float* const keys = this->keys(static_cast<int32_t>(layer), head) + length_ * width;
      float* const values = this->values(static_cast<int32_t>(layer), head) + length_ * width;
      // Parents come before their children, so path[i] >= i: no row is written over before it has moved.
      for (size_t i = 0; i < count; i++) {
        if (path[i] == static_cast<int32_t>(i)) continue;
        std::memcpy(keys + i * width, keys + path[i] * width, sizeof(float) * width);
        std::memcpy(values + i * width, values + path[i] * width, sizeof(float) * width);
      }
    }
  }
  length_ += static_cast<int32_t>(count);
  parents_.clear();
}

void Cache::truncate(int64_t length) {
  if (length < 0 || length > length_)
    throw argumentError("truncate: expected a length from 0 to " + std::to_string(length_) + ", got " +
                        std::to_string(length));
  length_ = static_cast<int32_t>(length);
  parents_.clear();
}

void Cache::setPrefix(int64_t count, const std::vector<const float*>& keys, const std::vector<const float*>& values) {
  if (length_ > 0 || !parents_.empty()) throw argumentError("a prefix needs an empty cache: truncate it to 0 before");
  if (count < 0 || count > kMaxCapacity)
    throw argumentError("a prefix has 0 to " + std::to_string(kMaxCapacity) + " entries, got " + std::to_string(count));
  const size_t layers = count == 0 ? 0 : specs_.size();
  if (keys.size() != layers || values.size() != layers)
    throw argumentError("a prefix has keys and values of " + std::to_string(layers) + " layers, got " +
                        std::to_string(keys.size()) + " and " + std::to_string(values.size()));
  // What has grown stays, or every text would grow it again. Where memory ends half-way there is no prefix.
  prefix_ = 0;
  for (size_t l = 0; l < layers; l++) {
    const CacheSpec& spec = specs_[l];
    Layer& layer = layers_[l];
    const size_t width = spec.headDim, bytes = count * spec.kvHeads * width * sizeof(float);
    if (count > layer.slots) layer = Layer{spec, Buffer(bytes), Buffer(bytes), count};
    for (int32_t head = 0; head < spec.kvHeads; head++) {
      for (int64_t i = 0; i < count; i++) {
        const size_t from = (i * spec.kvHeads + head) * width, to = i * width;
        std::memcpy(layer.at(layer.keys, head) + to, keys[l] + from, sizeof(float) * width);
        std::memcpy(layer.at(layer.values, head) + to, values[l] + from, sizeof(float) * width);
      }
    }
  }
  prefix_ = static_cast<int32_t>(count);
}

}  // namespace paceline
