// The k largest of a row.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace paceline {

// Falling order, the lower index first among equals, NaN last.
inline bool ranksBefore(float a, int32_t aIndex, float b, int32_t bIndex) {
  if (a > b) return true;
  if (a < b) return false;
  const bool aNan = std::isnan(a), bNan = std::isnan(b);
  return aNan == bNan ? aIndex < bIndex : bNan;
}

// Writes values and indices [k] of x [width]; 1 <= k <= width. The outputs serve as a heap with the last-ranked on top.
inline void topK(const float* x, int32_t width, int32_t k, float* values, int32_t* indices) {
  const auto sink = [&](int32_t at, int32_t size) {
    for (;;) {
      int32_t last = at;
      for (int64_t child = 2 * int64_t{at} + 1; child <= 2 * int64_t{at} + 2 && child < size; child++) {
        if (ranksBefore(values[last], indices[last], values[child], indices[child])) last = static_cast<int32_t>(child);
      }
      if (last == at) return;
      std::swap(values[at], values[last]);
      std::swap(indices[at], indices[last]);
      at = last;
    }
  };
  for (int32_t i = 0; i < k; i++) {
    values[i] = x[i];
    indices[i] = i;
  }
  for (int32_t at = k / 2; at-- > 0;) sink(at, k);
  // Once some large ones are found hardly any other gets in: most blocks are passed over by one comparison of their elements
  // that a compiler turns into a few instructions. An index behind those kept loses a tie, so equals are passed over too.
  constexpr int32_t kBlock = 32;
  int32_t i = k;
  while (i < width) {
    if (i + kBlock <= width) {
      int32_t above = 0;
      for (int32_t j = 0; j < kBlock; j++) above |= !(x[i + j] <= values[0]);
      if (!above) {
        i += kBlock;
        continue;
      }
    }
    for (const int32_t end = std::min(width, i + kBlock); i < end; i++) {
      if (!(x[i] > values[0]) && !ranksBefore(x[i], i, values[0], indices[0])) continue;
      values[0] = x[i];
      indices[0] = i;
      sink(0, k);
    }
  }
  // The last-ranked of those left goes to the end, again and again.
  for (int32_t size = k; size-- > 1;) {
    std::swap(values[0], values[size]);
    std::swap(indices[0], indices[size]);
    sink(0, size);
  }
}

}  // namespace paceline
