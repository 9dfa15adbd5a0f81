// Plain C++ for any processor, and what the other tables are tested against: same layouts, same orders, same bits.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels_tables.h"

namespace paceline {
namespace {

struct Lanes {
  float at[16];
};
struct Ints {
  int32_t at[16];
};

template <typename To, typename From, typename Function>
inline To each(const From& a, Function function) {
  To result;
  for (int i = 0; i < 16; i++) result.at[i] = function(a.at[i]);
  return result;
}
template <typename V, typename Function>
inline V each(const V& a, const V& b, Function function) {
  V result;
  for (int i = 0; i < 16; i++) result.at[i] = function(a.at[i], b.at[i]);
  return result;
}

float floatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
float floatOfHalf(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 0) return (sign ? -1.0f : 1.0f) * float(fraction) * 0x1p-24f;
  return floatOf(sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13);
}

inline Lanes loadSome(const float* p, int32_t count, Lanes fill) {
  memcpy(fill.at, p, count * sizeof(float));
  return fill;
}
inline Lanes load(const float* p) {
  Lanes v;
  memcpy(v.at, p, sizeof(v.at));
  return v;
}
inline Lanes loadHalves(const uint8_t* p) {
  uint16_t halves[16];
  memcpy(halves, p, sizeof(halves));
  Lanes v;
  for (int i = 0; i < 16; i++) v.at[i] = floatOfHalf(halves[i]);
  return v;
}
inline void store(float* p, const Lanes& v) { memcpy(p, v.at, sizeof(v.at)); }
inline void storeSome(float* p, const Lanes& v, int32_t count) { memcpy(p, v.at, count * sizeof(float)); }
inline Lanes broadcast(float x) {
  Lanes v;
  for (float& lane : v.at) lane = x;
  return v;
}
inline Lanes add(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x + y; }); }
inline Lanes sub(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x - y; }); }
inline Lanes mul(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x * y; }); }
inline Lanes div(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x / y; }); }
inline Lanes larger(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x > y ? x : y; }); }
inline Lanes smaller(const Lanes& a, const Lanes& b) { return each(a, b, [](float x, float y) { return x < y ? x : y; }); }
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes v;
  for (int i = 0; i < 16; i++) v.at[i] = fmaf(a.at[i], b.at[i], c.at[i]);
  return v;
}
inline bool anyEqual(const Lanes& a, const Lanes& b) {
  bool any = false;
  for (int i = 0; i < 16; i++) any |= a.at[i] == b.at[i];
  return any;
}

// Integers wrap, as they do in vector registers.
inline Ints bitsOf(const Lanes& v) {
  Ints bits;
  memcpy(bits.at, v.at, sizeof(bits.at));
  return bits;
}
inline Lanes asLanes(const Ints& v) {
  Lanes lanes;
  memcpy(lanes.at, v.at, sizeof(lanes.at));
  return lanes;
}
inline Ints broadcastInts(int32_t x) {
  Ints v;
  for (int32_t& lane : v.at) lane = x;
  return v;
}
inline Ints addInts(const Ints& a, const Ints& b) {
  return each(a, b, [](int32_t x, int32_t y) { return int32_t(uint32_t(x) + uint32_t(y)); });
}
inline Ints subInts(const Ints& a, const Ints& b) {
  return each(a, b, [](int32_t x, int32_t y) { return int32_t(uint32_t(x) - uint32_t(y)); });
}
inline Ints andInts(const Ints& a, const Ints& b) { return each(a, b, [](int32_t x, int32_t y) { return x & y; }); }
inline Ints largerInts(const Ints& a, const Ints& b) { return each(a, b, [](int32_t x, int32_t y) { return x > y ? x : y; }); }
inline Ints halveInts(const Ints& a) { return each<Ints>(a, [](int32_t x) { return x >> 1; }); }
inline Lanes floatsOf(const Ints& a) { return each<Lanes>(a, [](int32_t x) { return float(x); }); }
inline Lanes powerOfTwo(const Ints& exponent) {
  return each<Lanes>(exponent, [](int32_t x) { return floatOf((uint32_t(x) + 127) << 23); });
}
inline void storeLowBytes(int8_t* p, const Ints& v) {
  for (int i = 0; i < 16; i++) p[i] = int8_t(v.at[i] & 255);
}

// Halves of what is left are combined: lanes i and i + 8, then i + 4, i + 2, i + 1.
template <typename V, typename Function>
inline auto reduce(V v, Function function) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) v.at[i] = function(v.at[i], v.at[i + half]);
  }
  return v.at[0];
}
inline int32_t largestInt(const Ints& v) { return reduce(v, [](int32_t a, int32_t b) { return a > b ? a : b; }); }
inline int32_t sumInts(const Ints& v) {
  return reduce(v, [](int32_t a, int32_t b) { return int32_t(uint32_t(a) + uint32_t(b)); });
}
inline float sumLanes(const Lanes& v) { return reduce(v, [](float a, float b) { return a + b; }); }
inline float largestLane(const Lanes& v) { return reduce(v, [](float a, float b) { return a > b ? a : b; }); }
inline Lanes sumEach(const Lanes (&v)[16]) {
  Lanes sums;
  for (int i = 0; i < 16; i++) sums.at[i] = sumLanes(v[i]);
  return sums;
}

constexpr int kValueLanes = 16;

}  // namespace
}  // namespace paceline

#include "kernels_attend.h"
#include "kernels_tiles.h"

namespace paceline {
namespace {

// sums += what a line of 16 columns x 4 weights comes to with four inputs.
template <typename WeightAt>
inline void addLine(Ints& sums, const int8_t* q, WeightAt weightAt) {
  for (int c = 0; c < kPanel; c++) {
    for (int i = 0; i < kInputs; i++) sums.at[c] += weightAt(c * kInputs + i) * q[i];
  }
}

template <int R, int P>
void tileInt8(Tile tile) {
  const int8_t* w = reinterpret_cast<const int8_t*>(partWeights(tile, WeightType::kInt8));
  const int8_t* q = partInputs(tile);
  Ints sums[R];
  for (int r = 0; r < R; r++) sums[r] = bitsOf(resume(tile, r, 0, P, broadcast(0)));
  for (int32_t i = tile.begin; i < tile.end; i += kInputs, w += kLine, q += kInputs) {
    for (int r = 0; r < R; r++) addLine(sums[r], q + r * tile.xStride, [&](int at) { return w[at]; });
  }
  for (int r = 0; r < R; r++) leaveInt8(tile, r, 0, P, sums[r]);
}

template <int R, int P>
void tileInt4(Tile tile) {
  const uint8_t* scales = partScales(tile);
  const uint8_t* w = partWeights(tile, WeightType::kInt4);
  const int8_t* q = partInputs(tile);
  Lanes totals[R];
  for (int r = 0; r < R; r++) totals[r] = resume(tile, r, 0, P, broadcast(0));
  for (int32_t g = tile.begin / kGroup, end = groupsOf(tile.end); g < end; g++) {
    Ints sums[R];
    for (int r = 0; r < R; r++) sums[r] = broadcastInts(0);
    for (int32_t line = 0; line < kGroupLines; line++, w += kLine, q += 2 * kInputs) {
      for (int r = 0; r < R; r++) {
        addLine(sums[r], q + r * tile.xStride, [&](int at) { return (w[at] & 15) - 8; });
        addLine(sums[r], q + r * tile.xStride + kInputs, [&](int at) { return (w[at] >> 4) - 8; });
      }
    }
    const Lanes scale = loadHalves(scales);
    for (int r = 0; r < R; r++) totals[r] = fma(floatsOf(sums[r]), scale, totals[r]);
    scales += kGroupScaleBytes;
  }
  for (int r = 0; r < R; r++) leaveInt4(tile, r, 0, P, totals[r]);
}

constexpr TileTable<1, 4> kF32Tiles = {{{tileF32<1, 1>, tileF32<2, 1>, tileF32<3, 1>, tileF32<4, 1>}}};
constexpr TileTable<1, 4> kInt8Tiles = {{{tileInt8<1, 1>, tileInt8<2, 1>, tileInt8<3, 1>, tileInt8<4, 1>}}};
constexpr TileTable<1, 4> kInt4Tiles = {{{tileInt4<1, 1>, tileInt4<2, 1>, tileInt4<3, 1>, tileInt4<4, 1>}}};

constexpr int kInt8Bias = 0;

}  // namespace
}  // namespace paceline

#include "kernels_table.h"

namespace paceline {
namespace {
constexpr Kernels kKernels = makeTable("portable");
}
const Kernels* const kPortableKernels = &kKernels;
}  // namespace paceline
