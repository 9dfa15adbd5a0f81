// What a decode program does to single rows, over Lanes (16 floats) and Ints (16 of 32 bits).
//
// Included by each kernels_*.cc after kernels_layout.h, like it with internal linkage only. Every table runs these same
// operations in the same order; a sum over a row adds element i to lane i % 16, then lanes i and i + 8, i + 4, i + 2, i + 1.
#pragma once
#include <math.h>

#include "kernels_compiler.h"
#include "kernels_layout.h"

namespace paceline {
namespace {

constexpr int32_t kLanes = 16;

// step(begin, count) for 16 elements at a time, then for those left.
template <typename Step>
PACELINE_INLINE void inLanes(int32_t width, Step step) {
  int32_t i = 0;
  for (; i + kLanes <= width; i += kLanes) step(i, kLanes);
  if (i < width) step(i, width - i);
}

// Lanes from `count` on are `fill`.
PACELINE_INLINE Lanes loadUpTo(const float* p, int32_t count, Lanes fill) {
  return count == kLanes ? load(p) : loadSome(p, count, fill);
}
PACELINE_INLINE Lanes loadUpTo(const float* p, int32_t count) { return loadUpTo(p, count, broadcast(0)); }
PACELINE_INLINE void storeUpTo(float* p, Lanes v, int32_t count) {
  if (count == kLanes) {
    store(p, v);
  } else {
    storeSome(p, v, count);
  }
}

// e^x within about one unit in the last place; infinite and zero beyond the range, with gradual underflow; NaN of NaN.
PACELINE_INLINE Lanes exponential(Lanes x) {
  const Lanes magic = broadcast(12582912.0f);  // 1.5 * 2^23: what is added to it is rounded to an integer
  x = smaller(broadcast(89.0f), larger(broadcast(-104.0f), x));
  const Lanes shifted = fma(x, broadcast(1.44269504f), magic);
  const Lanes n = sub(shifted, magic);
  Lanes r = fma(n, broadcast(-0.693359375f), x);  // x - n ln 2, in two steps
  r = fma(n, broadcast(2.12194440e-4f), r);
  Lanes p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), broadcast(1.0f));
  // times 2^n in two factors: neither overflows
  const Ints exponent = subInts(bitsOf(shifted), bitsOf(magic));
  const Ints half = halveInts(exponent);
  return mul(mul(p, powerOfTwo(half)), powerOfTwo(subInts(exponent, half)));
}

void quantiseRow(WeightType, const float* x, int32_t k, uint8_t* out) {
  // Magnitudes compare as integers, and NaN is the largest of all: its row becomes NaN.
  Ints magnitudes = broadcastInts(0);
  inLanes(k, [&](int32_t i, int32_t count) {
    magnitudes = largerInts(magnitudes, andInts(bitsOf(loadUpTo(x + i, count)), broadcastInts(0x7fffffff)));
  });
  const int32_t largestBits = largestInt(magnitudes);
  float largest;
  memcpy(&largest, &largestBits, sizeof(largest));
  float scale = largest / 127.0f;
  if (scale < 0x1p-126f) scale = 0x1p-126f;

  const Lanes magic = broadcast(12582912.0f), divisor = broadcast(scale);
  int8_t* q = reinterpret_cast<int8_t*>(out + rowHeaderBytes(k));
  int32_t* header = reinterpret_cast<int32_t*>(out);
  int32_t total = 0;
  for (int32_t g = 0, groups = groupsOf(k); g < groups; g++) {
    Ints sums = broadcastInts(0);
    const int32_t width = k - g * kGroup < kGroup ? k - g * kGroup : kGroup;
    inLanes(width, [&](int32_t i, int32_t count) {
      const Lanes v = div(loadUpTo(x + i, count), divisor);
      const Lanes shifted = add(smaller(larger(v, broadcast(-127.0f)), broadcast(127.0f)), magic);
      storeLowBytes(q + i, bitsOf(shifted));
      sums = addInts(sums, subInts(bitsOf(shifted), bitsOf(magic)));
    });
    memset(q + width, 0, kGroup - width);
    x += kGroup;
    q += kGroup;
    const int32_t sum = sumInts(sums);
    header[2 + g] = -8 * sum;
    total += sum;
  }
  memcpy(out, &scale, sizeof(scale));
  header[1] = -128 * total;
}

void rmsNorm(const float* x, const float* gain, float eps, int32_t width, float* y) {
  Lanes sums = broadcast(0);
  inLanes(width, [&](int32_t i, int32_t count) {
    const Lanes v = loadUpTo(x + i, count);
    sums = fma(v, v, sums);
  });
  const Lanes inverse = broadcast(1.0f / sqrtf(sumLanes(sums) / float(width) + eps));
  inLanes(width, [&](int32_t i, int32_t count) {
    storeUpTo(y + i, mul(mul(loadUpTo(x + i, count), inverse), loadUpTo(gain + i, count)), count);
  });
}

void rope(const float* x, const float* cos, const float* sin, int32_t headDim, float* y) {
  const int32_t half = headDim / 2;
  inLanes(half, [&](int32_t i, int32_t count) {
    const Lanes a = loadUpTo(x + i, count), b = loadUpTo(x + half + i, count);
    const Lanes c = loadUpTo(cos + i, count), s = loadUpTo(sin + i, count);
    storeUpTo(y + i, sub(mul(a, c), mul(b, s)), count);
    storeUpTo(y + half + i, add(mul(b, c), mul(a, s)), count);
  });
}

void siluMul(const float* gate, const float* up, int32_t width, float* y) {
  const Lanes one = broadcast(1.0f);
  inLanes(width, [&](int32_t i, int32_t count) {
    const Lanes g = loadUpTo(gate + i, count);
    const Lanes activated = div(g, add(one, exponential(sub(broadcast(0), g))));
    storeUpTo(y + i, mul(activated, loadUpTo(up + i, count)), count);
  });
}

void silu(const float* x, int32_t width, float* y) {
  const Lanes one = broadcast(1.0f);
  inLanes(width, [&](int32_t i, int32_t count) {
    const Lanes v = loadUpTo(x + i, count);
    storeUpTo(y + i, div(v, add(one, exponential(sub(broadcast(0), v)))), count);
  });
}

void addRows(const float* a, const float* b, int32_t width, float* y) {
  inLanes(width, [&](int32_t i, int32_t count) {
    storeUpTo(y + i, add(loadUpTo(a + i, count), loadUpTo(b + i, count)), count);
  });
}

// NaN is no maximum; -infinity where there is nothing else.
float maximum(const float* x, int32_t width) {
  const Lanes least = broadcast(-INFINITY);
  Lanes most = least;
  inLanes(width, [&](int32_t i, int32_t count) { most = larger(loadUpTo(x + i, count, least), most); });
  return largestLane(most);
}

int32_t argmax(const float* x, int32_t width) {
  const float most = maximum(x, width);
  const Lanes wanted = broadcast(most);
  int32_t i = 0;
  while (i + kLanes <= width && !anyEqual(load(x + i), wanted)) i += kLanes;
  for (; i < width; i++) {
    if (x[i] == most) return i;
  }
  return 0;  // all NaN
}

// y = e^(x - max), and the sum of it.
float exponentials(const float* x, int32_t width, float most, float* y) {
  const Lanes shift = broadcast(most), none = broadcast(-INFINITY);
  Lanes sums = broadcast(0);
  inLanes(width, [&](int32_t i, int32_t count) {
    const Lanes e = exponential(sub(loadUpTo(x + i, count, none), shift));
    sums = add(sums, e);
    if (y) storeUpTo(y + i, e, count);
  });
  return sumLanes(sums);
}

void softmax(const float* x, int32_t width, float* y) {
  const Lanes sum = broadcast(exponentials(x, width, maximum(x, width), y));
  inLanes(width, [&](int32_t i, int32_t count) { storeUpTo(y + i, div(loadUpTo(y + i, count), sum), count); });
}

void logSoftmax(const float* x, int32_t width, float* y) {
  const float most = maximum(x, width);
  const Lanes shift = broadcast(most);
  const Lanes logSum = broadcast(float(log(double(exponentials(x, width, most, nullptr)))));
  inLanes(width, [&](int32_t i, int32_t count) {
    storeUpTo(y + i, sub(sub(loadUpTo(x + i, count), shift), logSum), count);
  });
}

}  // namespace
}  // namespace paceline
