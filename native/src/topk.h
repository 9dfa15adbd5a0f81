// The k largest of a row.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

namespace paceline {

// Falling order, the lower index first among equals, NaN last.
inline bool ranksBefore(float a, int32_t aIndex, float b, int32_t bIndex) {
  if (a > b) return true;
  if (a < b) return false;
  const bool aNan = std::isnan(a), bNan = std::isnan(b);
  return aNan == bNan ? aIndex < bIndex : bNan;
}

// The outputs serve as a heap with the last-ranked on top.
inline void topKByHeap(const float* x, int32_t width, int32_t k, float* values, int32_t* indices) {
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
  for (int32_t i = k; i < width; i++) {
    // Hardly any gets in. An index behind those kept loses a tie; NaN compares as nothing.
    if (x[i] <= values[0] || !ranksBefore(x[i], i, values[0], indices[0])) continue;
    values[0] = x[i];
    indices[0] = i;
    sink(0, k);
  }
  // The last-ranked of those left goes to the end, again and again.
  for (int32_t size = k; size-- > 1;) {
    std::swap(values[0], values[size]);
    std::swap(indices[0], indices[size]);
    sink(0, size);
  }
}

// Grows with the value, the same for both zeros; not for NaN.
inline uint32_t orderedBits(float value) {
  value += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// At least k elements are as large as the k-th largest of the maxima of blocks: little more than k of a long row, and only these
// are sorted. False, with nothing written, where that does not help: short rows, many equal values, few that are not NaN.
inline bool topKBySieve(const float* x, int32_t width, int32_t k, float* values, int32_t* indices) {
  constexpr int32_t kLanes = 16, kMostBlocks = 512, kMostLeft = 1024;
  const int32_t block = (width / kMostBlocks + kLanes) / kLanes * kLanes;
  const int32_t blocks = width / block;  // and a rest that is not looked at for the bound
  if (blocks < 2 * k) return false;
  float maxima[kMostBlocks], sorted[kMostBlocks];
  for (int32_t b = 0; b < blocks; b++) {
    float lanes[kLanes];
    for (float& lane : lanes) lane = -INFINITY;
    for (const float *at = x + size_t{1} * b * block, *end = at + block; at < end; at += kLanes) {
      for (int32_t i = 0; i < kLanes; i++) lanes[i] = at[i] > lanes[i] ? at[i] : lanes[i];
    }
    for (int32_t half = kLanes / 2; half > 0; half /= 2) {
      for (int32_t i = 0; i < half; i++) lanes[i] = lanes[i + half] > lanes[i] ? lanes[i + half] : lanes[i];
    }
    maxima[b] = sorted[b] = lanes[0];
  }
  std::nth_element(sorted, sorted + (k - 1), sorted + blocks, std::greater<float>());
  const float bound = sorted[k - 1];
  // Falling by value, then rising by index, as one number.
  uint64_t left[kMostLeft];
  int32_t count = 0;
  for (int32_t b = 0; b <= blocks; b++) {
    if (b < blocks && !(maxima[b] >= bound)) continue;
    for (int32_t i = b * block, end = b < blocks ? i + block : width; i < end; i++) {
      if (!(x[i] >= bound)) continue;
      if (count == kMostLeft) return false;
      left[count++] = uint64_t{orderedBits(x[i])} << 32 | ~static_cast<uint32_t>(i);
    }
  }
  if (count < k) return false;
  if (count > k) std::nth_element(left, left + (k - 1), left + count, std::greater<uint64_t>());
  std::sort(left, left + k, std::greater<uint64_t>());
  for (int32_t rank = 0; rank < k; rank++) {
    indices[rank] = static_cast<int32_t>(~static_cast<uint32_t>(left[rank]));
    values[rank] = x[indices[rank]];
  }
  return true;
}

// Writes values and indices [k] of x [width]; 1 <= k <= width.
inline void topK(const float* x, int32_t width, int32_t k, float* values, int32_t* indices) {
  if (!topKBySieve(x, width, k, values, indices)) topKByHeap(x, width, k, values, indices);
}

}  // namespace paceline
