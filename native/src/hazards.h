// Which columns of the arena steps share: what must not overlap, and which steps must not run side by side.
#pragma once
#include <cstdint>
#include <vector>

#include "steps.h"

namespace paceline {

// Columns that a step reads or writes.
struct Access {
  View view;
  int32_t width;
  bool write;
};

inline bool sameBuffer(const View& a, const View& b) { return a.offset == b.offset && a.stride == b.stride; }

// Whether some element may belong to both. Buffers of different geometry that intersect count as a whole.
inline bool overlap(const View& a, int32_t aWidth, const View& b, int32_t bWidth) {
  if (sameBuffer(a, b)) return a.start < int64_t{b.start} + bWidth && b.start < int64_t{a.start} + aWidth;
  return a.offset < int64_t{b.offset} + b.stride && b.offset < int64_t{a.offset} + a.stride;
}

// The accesses of a phase whose steps all work row by row. They may follow one another within a row, as long as each
// row touches nothing of the others: then rows need not wait for one another between the steps.
class RowPhase {
 public:
  // Whether a step with these accesses fits in. If so, it is part of the phase from now on.
  bool admit(const std::vector<Access>& step) {
    // Looking at more would make loading quadratic.
    if (accesses_.size() > 64) return false;
    for (const Access& now : step) {
      for (const Access& then : accesses_) {
        if ((now.write || then.write) && !sameBuffer(now.view, then.view) &&
            overlap(now.view, now.width, then.view, then.width))
          return false;
      }
    }
    accesses_.insert(accesses_.end(), step.begin(), step.end());
    return true;
  }
  void clear() { accesses_.clear(); }

 private:
  std::vector<Access> accesses_;
};

}  // namespace paceline
