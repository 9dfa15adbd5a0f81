#include "attention.h"

#include <algorithm>

namespace paceline {
namespace {

// Queries of a key head that are worked on together: keys are read once for all of them.
constexpr int32_t kGroupQueries = 32;

}  // namespace

void Attention::configure(int threads, int32_t maxQueries, std::vector<int32_t> windows) {
  threads_ = threads;
  maxQueries_ = maxQueries;
  windows_ = std::move(windows);
}

void Attention::checkParents(const int32_t* parents, int32_t rows, int64_t held) {
  for (int32_t row = 0; row < rows; row++) {
    if (parents[row] < -1 || parents[row] >= held + row)
      throw argumentError("row " + std::to_string(held + row) + " has parent " + std::to_string(parents[row]) +
                          ", expected -1 or an earlier row");
  }
}

void Attention::begin(const int32_t* parents, int32_t rows, int32_t riders, Cache* cache) {
  cache_ = cache;
  parents_ = cache->waiting();
  held_ = static_cast<int32_t>(parents_.size());
  rows_ = rows;
  ordinary_ = cache->prefix() > 0 ? riders : rows;
  parents_.insert(parents_.end(), parents, parents + rows);
  depths_.resize(parents_.size());
  maxDepth_ = 0;
  for (int32_t row = 0; row < held_ + rows; row++) {
    depths_[row] = parents_[row] < 0 ? 0 : depths_[parents_[row]] + 1;
    maxDepth_ = std::max(maxDepth_, depths_[row]);
  }
  const size_t keys = size_t{1} * cache->prefix() + cache->length() + maxDepth_ + 1;
  const size_t groupRows = std::min(rows, kGroupQueries), own = groupRows * (maxDepth_ + 1);
  if (keys <= maxKeys_ && groupRows <= maxRows_ && own <= maxOwn_) return;
  maxKeys_ = std::max(maxKeys_, roundUp(keys + keys / 4, 64));
  maxRows_ = std::max(maxRows_, groupRows);
  maxOwn_ = std::max(maxOwn_, own);
  room_ = Buffer();  // nothing in it outlives a run
  room_ = Buffer(threads_ * roomBytes());
}

size_t Attention::roomBytes() const {
  const size_t queries = std::max<size_t>(kGroupQueries, maxQueries_);
  const size_t pointers = 2 * (maxKeys_ + maxOwn_) + 4 * queries;
  return roundUp(pointers * sizeof(float*) + (queries + maxKeys_) * sizeof(int32_t) +
                     queries * (maxKeys_ + 1) * sizeof(float), 64);
}

Attention::Room Attention::roomOf(int thread) const {
  const size_t queries = std::max<size_t>(kGroupQueries, maxQueries_);
  Room room;
  room.keys = reinterpret_cast<const float**>(room_.data() + thread * roomBytes());
  room.values = room.keys + maxKeys_ + maxOwn_;
  room.q = room.values + maxKeys_ + maxOwn_;
  room.out = const_cast<float**>(room.q + queries);
  room.ownKeys = reinterpret_cast<const float***>(room.out + queries);
  room.ownValues = room.ownKeys + queries;
  room.own = reinterpret_cast<int32_t*>(room.ownValues + queries);
  room.path = room.own + queries;
  room.scores = reinterpret_cast<float*>(room.path + maxKeys_);
  return room;
}

// Rows whose keys a window cuts are worked on one by one: they share no beginning.
int32_t Attention::groupCount(int32_t rows, int32_t kvHeads, int32_t queries, int32_t window) const {
  if (window >= 0 && cache_->length() + maxDepth_ + 1 > window) return rows;
  const int32_t groupRows = std::max(1, kGroupQueries / queries);
  return std::min(rows, std::max((rows + groupRows - 1) / groupRows, (threads_ + kvHeads - 1) / kvHeads));
}

Attention::Groups Attention::groupsOf(int32_t kvHeads, int32_t queries, int32_t window) const {
  return {groupCount(ordinary_, kvHeads, queries, window), groupCount(rows_ - ordinary_, kvHeads, queries, window)};
}

// Afterwards `path` is that of the group's first row.
Attention::Group Attention::groupAt(int32_t index, const Groups& groups, int32_t* path) const {
  const bool rider = index >= groups.ordinary;
  const int32_t first = held_ + (rider ? ordinary_ : 0);
  const int64_t rows = rider ? rows_ - ordinary_ : ordinary_, count = rider ? groups.riders : groups.ordinary;
  const int64_t at = rider ? index - groups.ordinary : index;
  Group group{static_cast<int32_t>(first + rows * at / count), static_cast<int32_t>(first + rows * (at + 1) / count), 0};
  for (int32_t row = group.begin; row >= 0; row = parents_[row]) path[depths_[row]] = row;
  group.common = depths_[group.begin] + 1;
  for (int32_t row = group.begin + 1; row < group.end; row++) {
    int32_t shared = row;
    while (shared >= 0 && (depths_[shared] >= group.common || path[depths_[shared]] != shared)) shared = parents_[shared];
    group.common = shared < 0 ? 0 : depths_[shared] + 1;
  }
  return group;
}

int Attention::chunks(int32_t kvHeads, int32_t heads, int32_t window) const {
  if (threads_ == 1) return 1;
  const int64_t units = int64_t{kvHeads} * groupsOf(kvHeads, heads / kvHeads, windows_[window]).count();
  return static_cast<int>(std::min<int64_t>(units, 4 * threads_));
}

void Attention::run(const Kernels& kernels, const AttentionRows& rows, int chunk, int chunks, int thread) {
  store(rows, chunk, chunks);
  const int32_t window = windows_[rows.window], length = cache_->length();
  const int32_t queries = rows.heads / rows.kvHeads;
  const Groups groups = groupsOf(rows.kvHeads, queries, window);
  const int64_t units = int64_t{groups.count()} * rows.kvHeads;
  const Room room = roomOf(thread);
  // Heads innermost: those of one group have its path in common.
  for (int64_t unit = units * chunk / chunks; unit < units * (chunk + 1) / chunks; unit++) {
    const int32_t head = static_cast<int32_t>(unit % rows.kvHeads);
    const size_t column = size_t{1} * head * rows.headDim;
    const Group group = groupAt(static_cast<int32_t>(unit / rows.kvHeads), groups, room.path);
    const float* cachedKeys = cache_->keys(rows.layer, head);
    const float* cachedValues = cache_->values(rows.layer, head);
    // A row's own run, or an earlier one: the numbers are the same, only where they lie differs.
    const auto keyOf = [&](int32_t row) {
      return row < held_ ? cachedKeys + (size_t{1} * length + row) * rows.headDim
                         : rows.k + (row - held_) * rows.kStride + column;
    };
    const auto valueOf = [&](int32_t row) {
      return row < held_ ? cachedValues + (size_t{1} * length + row) * rows.headDim
                         : rows.v + (row - held_) * rows.vStride + column;
    };

    const int32_t all = length + group.common;
    const int32_t firstKey = window < 0 ? 0 : std::max(0, all - window);  // a group of one row, or nothing is cut
    int32_t shared = 0;
    if (group.begin >= held_ + ordinary_) {
      for (; shared < cache_->prefix(); shared++) {
        room.keys[shared] = cache_->prefixKeys(rows.layer, head) + size_t{1} * shared * rows.headDim;
        room.values[shared] = cache_->prefixValues(rows.layer, head) + size_t{1} * shared * rows.headDim;
      }
    }
    for (int32_t slot = firstKey; slot < length; slot++, shared++) {
      room.keys[shared] = cachedKeys + size_t{1} * slot * rows.headDim;
      room.values[shared] = cachedValues + size_t{1} * slot * rows.headDim;
    }
    for (int32_t depth = std::max(0, firstKey - length); depth < group.common; depth++, shared++) {
      room.keys[shared] = keyOf(room.path[depth]);
      room.values[shared] = valueOf(room.path[depth]);
    }

    int32_t query = 0, mostOwn = 0;
    const float **ownKeys = room.keys + maxKeys_, **ownValues = room.values + maxKeys_;
    for (int32_t row = group.begin; row < group.end; row++) {
      const int32_t own = depths_[row] + 1 - group.common;
      for (int32_t r = row, left = own; left-- > 0; r = parents_[r]) {
        ownKeys[left] = keyOf(r);
        ownValues[left] = valueOf(r);
      }
      for (int32_t q = 0; q < queries; q++, query++) {
        const size_t at = size_t{1} * (head * queries + q) * rows.headDim;
        room.q[query] = rows.q + (row - held_) * rows.qStride + at;
        room.out[query] = rows.out + (row - held_) * rows.outStride + at;
        room.own[query] = own;
        room.ownKeys[query] = ownKeys;
        room.ownValues[query] = ownValues;
      }
      mostOwn = std::max(mostOwn, own);
      ownKeys += own;
      ownValues += own;
    }
    kernels.attend({query, rows.headDim, room.q, room.out, shared, room.keys, room.values, room.own, room.ownKeys,
                    room.ownValues, rows.scale, room.scores, size_t{1} * shared + mostOwn + 1});
  }
}

// Nobody reads these in this run: rows see one another's keys and values where they were computed.
void Attention::store(const AttentionRows& rows, int chunk, int chunks) const {
  const int64_t count = rows_;
  const int32_t begin = static_cast<int32_t>(count * chunk / chunks);
  const int32_t end = static_cast<int32_t>(count * (chunk + 1) / chunks);
  const size_t width = rows.headDim;
  for (int32_t head = 0; head < rows.kvHeads; head++) {
    float* keys = cache_->keys(rows.layer, head) + (cache_->length() + held_) * width;
    float* values = cache_->values(rows.layer, head) + (cache_->length() + held_) * width;
    for (int32_t row = begin; row < end; row++) {
      std::memcpy(keys + row * width, rows.k + row * rows.kStride + head * width, sizeof(float) * width);
      std::memcpy(values + row * width, rows.v + row * rows.vStride + head * width, sizeof(float) * width);
    }
  }
}

}  // namespace paceline
