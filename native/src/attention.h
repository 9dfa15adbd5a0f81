// Attention of the rows of a run over the cache, the rows held from runs before, and one another: a row sees the cache,
// its ancestors, itself, in this order, the order that sums of plain decoding have. Riders, the last rows of a run, see the
// cache's prefix before all that. Rows are numbered from the first one held: the run's own begin at `held`.
#pragma once
#include <cstdint>
#include <vector>

#include "cache.h"
#include "kernels.h"
#include "memory.h"

namespace paceline {

// Rows of queries, keys, values and results of one layer, each `stride` floats apart.
struct AttentionRows {
  const float *q, *k, *v;
  float* out;
  size_t qStride, kStride, vStride, outStride;
  int32_t heads, kvHeads, headDim, layer;
  int32_t window;  // index into the windows given to `begin`
  float scale;
};

class Attention {
 public:
  // Makes room for `threads` threads with up to `maxQueries` query heads per key head.
  void configure(int threads, int32_t maxQueries, std::vector<int32_t> windows);
  // Throws Error unless -1 <= parents[i] < held + i. Call before anything of the run is changed.
  static void checkParents(const int32_t* parents, int32_t rows, int64_t held);
  // For the layers of one run, after `cache->begin`. `parents`: of the run's own rows, of which those from `riders` on are
  // riders.
  void begin(const int32_t* parents, int32_t rows, int32_t riders, Cache* cache);
  // Parts into which the work on one layer divides well.
  int chunks(int32_t kvHeads, int32_t heads, int32_t window) const;
  // Part `chunk` of `chunks`, on thread `thread`. All parts together leave the rows' keys and values behind the cache's
  // positions and the rows held.
  void run(const Kernels& kernels, const AttentionRows& rows, int chunk, int chunks, int thread);

  // Of the rows held, then of the run's.
  const std::vector<int32_t>& parents() const { return parents_; }
  size_t bytes() const { return room_.size(); }

 private:
  // Some neighbouring rows that are worked on together: how much of their paths they share.
  struct Group {
    int32_t begin, end;  // rows
    int32_t common;      // rows that all their paths begin with
  };
  // Scratch memory of a thread.
  struct Room {
    const float **keys, **values;        // shared, then those of each row
    const float ***ownKeys, ***ownValues;  // of each query
    const float** q;
    float** out;
    int32_t *own, *path;
    float* scores;
  };

  // Rows that see the same beginning: all, or where there is a prefix those without it, then those with it.
  struct Groups {
    int32_t ordinary, riders;
    int32_t count() const { return ordinary + riders; }
  };

  Groups groupsOf(int32_t kvHeads, int32_t queries, int32_t window) const;
  int32_t groupCount(int32_t rows, int32_t kvHeads, int32_t queries, int32_t window) const;
  Group groupAt(int32_t index, const Groups& groups, int32_t* path) const;
  void store(const AttentionRows& rows, int chunk, int chunks) const;
  size_t roomBytes() const;
  Room roomOf(int thread) const;

  int threads_ = 1;
  int32_t maxQueries_ = 0;
  std::vector<int32_t> windows_;  // -1: none

  // Of the run.
  Cache* cache_ = nullptr;
  int32_t held_ = 0, rows_ = 0;
  int32_t ordinary_ = 0;  // of the run's rows those that see no prefix, the first ones
  std::vector<int32_t> parents_;
  std::vector<int32_t> depths_;  // rows above a row
  int32_t maxDepth_ = 0;
  // What `room_` has room for: keys that a row sees, rows of a group, keys of their own.
  size_t maxKeys_ = 0, maxRows_ = 0, maxOwn_ = 0;
  Buffer room_;
};

}  // namespace paceline
