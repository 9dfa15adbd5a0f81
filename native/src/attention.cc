#include "attention.h"

#include <algorithm>

namespace paceline {
namespace {

// What a row costs besides its keys, in units of a key.
constexpr uint64_t kRowWork = 16;

// Bytes of one thread's room for `keys` keys: pointers to keys and values, rows of the path, scores.
size_t roomBytes(size_t keys, size_t queries) {
  return roundUp(keys * (2 * sizeof(float*) + sizeof(int32_t) + queries * sizeof(float)), 64);
}

int32_t visible(int32_t keys, int32_t window) { return window < 0 ? keys : std::min(keys, window); }

}  // namespace

void Attention::configure(int threads, int32_t maxQueries, std::vector<int32_t> windows) {
  threads_ = threads;
  maxQueries_ = maxQueries;
  windows_ = std::move(windows);
  work_.resize(windows_.size());
}

void Attention::checkParents(const int32_t* parents, int32_t rows) {
  for (int32_t row = 0; row < rows; row++) {
    if (parents[row] < -1 || parents[row] >= row)
      throw argumentError("row " + std::to_string(row) + " has parent " + std::to_string(parents[row]) +
                          ", expected -1 or an earlier row");
  }
}

void Attention::begin(const int32_t* parents, int32_t rows, Cache* cache) {
  cache_ = cache;
  parents_.assign(parents, parents + rows);
  depths_.resize(rows);
  maxDepth_ = 0;
  for (int32_t row = 0; row < rows; row++) {
    depths_[row] = parents_[row] < 0 ? 0 : depths_[parents_[row]] + 1;
    maxDepth_ = std::max(maxDepth_, depths_[row]);
  }
  for (size_t w = 0; w < windows_.size(); w++) {
    work_[w].resize(rows + 1);
    for (int32_t row = 0; row < rows; row++)
      work_[w][row + 1] = work_[w][row] + kRowWork + visible(cache->length() + depths_[row] + 1, windows_[w]);
  }
  const size_t keys = size_t{1} * cache->length() + maxDepth_ + 1;
  if (keys <= maxKeys_) return;
  const size_t enough = roundUp(keys + keys / 4, 64);
  maxKeys_ = 0;
  room_ = Buffer(threads_ * roomBytes(enough, maxQueries_));
  maxKeys_ = enough;
}

Attention::Room Attention::roomOf(int thread) const {
  uint8_t* base = room_.data() + thread * roomBytes(maxKeys_, maxQueries_);
  Room room;
  room.keys = reinterpret_cast<const float**>(base);
  room.values = room.keys + maxKeys_;
  room.rows = reinterpret_cast<int32_t*>(room.values + maxKeys_);
  room.scores = reinterpret_cast<float*>(room.rows + maxKeys_);
  return room;
}

// The lists of one key head. They are kept from row to row: where paths share their beginning, nothing is written anew.
class Attention::Path {
 public:
  Path(const Attention& attention, const AttentionRows& rows, const Room& room)
      : attention_(attention), rows_(rows), room_(room), length_(attention.cache_->length()) {}

  void startHead(int32_t head, int32_t firstKey) {
    const size_t stride = size_t{1} * rows_.kvHeads * rows_.headDim;
    const float* key = attention_.cache_->keys(rows_.layer) + size_t{1} * head * rows_.headDim;
    const float* value = attention_.cache_->values(rows_.layer) + size_t{1} * head * rows_.headDim;
    for (int32_t slot = firstKey; slot < length_; slot++) {
      room_.keys[slot] = key + slot * stride;
      room_.values[slot] = value + slot * stride;
    }
    head_ = head;
    held_ = 0;
  }

  // Afterwards the first length + depth + 1 keys and values are those that `row` sees without a window.
  void descendTo(int32_t row) {
    // Below `held_`, entry d of the path is an ancestor of the row before; all above it are then right too.
    for (int32_t r = row; r >= 0; r = attention_.parents_[r]) {
      const int32_t depth = attention_.depths_[r];
      if (depth < held_ && room_.rows[depth] == r) break;
      room_.rows[depth] = r;
      room_.keys[length_ + depth] = rows_.k + r * rows_.kStride + size_t{1} * head_ * rows_.headDim;
      room_.values[length_ + depth] = rows_.v + r * rows_.vStride + size_t{1} * head_ * rows_.headDim;
    }
    held_ = attention_.depths_[row] + 1;
  }

 private:
  const Attention& attention_;
  const AttentionRows& rows_;
  const Room room_;
  const int32_t length_;
  int32_t head_ = 0;
  int32_t held_ = 0;
};

int Attention::chunks(int32_t kvHeads) const {
  const int64_t units = int64_t{kvHeads} * static_cast<int64_t>(parents_.size());
  return static_cast<int>(std::min<int64_t>(units, threads_ == 1 ? 1 : 4 * threads_));
}

void Attention::run(const Kernels& kernels, const AttentionRows& rows, int chunk, int chunks, int thread) {
  store(rows, chunk, chunks);
  // Units of a row and a key head, heads outermost, are dealt out in runs of about equal work: this one is of those
  // that begin in [begin, end).
  const std::vector<uint64_t>& work = work_[rows.window];
  const int32_t count = static_cast<int32_t>(parents_.size());
  const uint64_t perHead = work[count];
  const uint64_t begin = perHead * rows.kvHeads * chunk / chunks;
  const uint64_t end = perHead * rows.kvHeads * (chunk + 1) / chunks;

  const int32_t window = windows_[rows.window];
  const int32_t length = cache_->length();
  // No row sees less than one key of its own, so a window hides at least the positions before this one from all.
  const int32_t firstKey = window < 0 ? 0 : std::max(0, length + 1 - window);
  const int32_t queries = rows.heads / rows.kvHeads;
  const Room room = roomOf(thread);
  Path path(*this, rows, room);
  for (int32_t head = static_cast<int32_t>(begin / perHead); head < rows.kvHeads && head * perHead < end; head++) {
    const uint64_t before = head * perHead;
    const uint64_t skipped = begin <= before ? 0 : begin - before;
    int32_t row = static_cast<int32_t>(std::lower_bound(work.data(), work.data() + count, skipped) - work.data());
    if (row == count || before + work[row] >= end) continue;
    path.startHead(head, firstKey);
    for (; row < count && before + work[row] < end; row++) {
      path.descendTo(row);
      const int32_t all = length + depths_[row] + 1;
      const int32_t seen = visible(all, window);
      const size_t column = size_t{1} * head * queries * rows.headDim;
      kernels.attend(rows.q + row * rows.qStride + column, rows.headDim, queries, room.keys + all - seen,
                     room.values + all - seen, seen, rows.headDim, rows.scale, rows.out + row * rows.outStride + column,
                     rows.headDim, room.scores);
    }
  }
}

// Nobody reads these in this run: rows see one another's keys and values where they were computed.
void Attention::store(const AttentionRows& rows, int chunk, int chunks) const {
  const int64_t count = static_cast<int64_t>(parents_.size());
  const int32_t begin = static_cast<int32_t>(count * chunk / chunks);
  const int32_t end = static_cast<int32_t>(count * (chunk + 1) / chunks);
  const size_t width = size_t{1} * rows.kvHeads * rows.headDim;
  float* keys = cache_->keys(rows.layer) + cache_->length() * width;
  float* values = cache_->values(rows.layer) + cache_->length() * width;
  for (int32_t row = begin; row < end; row++) {
    std::memcpy(keys + row * width, rows.k + row * rows.kStride, sizeof(float) * width);
    std::memcpy(values + row * width, rows.v + row * rows.vStride, sizeof(float) * width);
  }
}

}  // namespace paceline
