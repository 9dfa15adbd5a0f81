// Which steps of a program must wait for the ones before: needed for the barriers between threads.
#pragma once
#include <cstdint>
#include <vector>

#include "steps.h"

namespace paceline {

// Columns that a step reads or writes. `byRow`: thread t touches only the rows that every by-row step gives to thread t.
struct Access {
  View view;
  int32_t width;
  bool write;
  bool byRow;
};

inline bool sameBuffer(const View& a, const View& b) { return a.offset == b.offset && a.stride == b.stride; }

// Whether some element may belong to both. Buffers of different geometry that intersect count as a whole.
inline bool overlap(const View& a, int32_t aWidth, const View& b, int32_t bWidth) {
  if (sameBuffer(a, b))
    return a.start < int64_t{b.start} + bWidth && b.start < int64_t{a.start} + aWidth;
  return a.offset < int64_t{b.offset} + b.stride && b.offset < int64_t{a.offset} + a.stride;
}

// The accesses since the last barrier.
class Hazards {
 public:
  // Notes what a step does; true when it needs a barrier before it.
  bool add(const std::vector<Access>& step) {
    // Looking at more would make loading quadratic; programs that compute something have barriers long before.
    bool barrier = since_.size() > 64;
    for (const Access& now : step) {
      for (const Access& then : since_) barrier = barrier || conflict(now, then);
    }
    if (barrier) since_.clear();
    since_.insert(since_.end(), step.begin(), step.end());
    return barrier;
  }

 private:
  static bool conflict(const Access& a, const Access& b) {
    if (!a.write && !b.write) return false;
    if (!overlap(a.view, a.width, b.view, b.width)) return false;
    return !(a.byRow && b.byRow && sameBuffer(a.view, b.view));
  }

  std::vector<Access> since_;
};

}  // namespace paceline
