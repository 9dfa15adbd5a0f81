// AArch64 with dot products: 16 columns in four registers.
#include "kernels_tables.h"

#if defined(__ARM_FEATURE_DOTPROD) || defined(_M_ARM64)
#include <arm_neon.h>
#include <stdint.h>

namespace paceline {
namespace {

struct Lanes {
  float32x4_t at[4];
};
struct Ints {
  int32x4_t at[4];
};

template <typename To, typename From, typename Function>
inline To each(const From& a, Function function) {
  return {{function(a.at[0]), function(a.at[1]), function(a.at[2]), function(a.at[3])}};
}
template <typename V, typename Function>
inline V each(const V& a, const V& b, Function function) {
  return {{function(a.at[0], b.at[0]), function(a.at[1], b.at[1]), function(a.at[2], b.at[2]), function(a.at[3], b.at[3])}};
}
using F = float32x4_t;
using I = int32x4_t;

inline Lanes load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
inline void store(float* p, const Lanes& v) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.at[i]);
}
inline Lanes loadSome(const float* p, int32_t count, const Lanes& fill) {
  float buffer[16];
  store(buffer, fill);
  for (int32_t i = 0; i < count; i++) buffer[i] = p[i];
  return load(buffer);
}
inline void storeSome(float* p, const Lanes& v, int32_t count) {
  float buffer[16];
  store(buffer, v);
  for (int32_t i = 0; i < count; i++) p[i] = buffer[i];
}
inline Lanes loadHalves(const uint8_t* p) {
  const uint16_t* halves = reinterpret_cast<const uint16_t*>(p);
  Lanes v;
  for (int i = 0; i < 4; i++) v.at[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves + 4 * i)));
  return v;
}
inline Lanes broadcast(float x) {
  const F v = vdupq_n_f32(x);
  return {{v, v, v, v}};
}
inline Lanes add(const Lanes& a, const Lanes& b) { return each(a, b, [](F x, F y) { return vaddq_f32(x, y); }); }
inline Lanes sub(const Lanes& a, const Lanes& b) { return each(a, b, [](F x, F y) { return vsubq_f32(x, y); }); }
inline Lanes mul(const Lanes& a, const Lanes& b) { return each(a, b, [](F x, F y) { return vmulq_f32(x, y); }); }
inline Lanes div(const Lanes& a, const Lanes& b) { return each(a, b, [](F x, F y) { return vdivq_f32(x, y); }); }
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  return {{vfmaq_f32(c.at[0], a.at[0], b.at[0]), vfmaq_f32(c.at[1], a.at[1], b.at[1]),
           vfmaq_f32(c.at[2], a.at[2], b.at[2]), vfmaq_f32(c.at[3], a.at[3], b.at[3])}};
}
// a > b ? a : b, and a < b ? a : b, as on x86: the instructions for it treat NaN and zeros otherwise.
inline Lanes larger(const Lanes& a, const Lanes& b) {
  return each(a, b, [](F x, F y) { return vbslq_f32(vcgtq_f32(x, y), x, y); });
}
inline Lanes smaller(const Lanes& a, const Lanes& b) {
  return each(a, b, [](F x, F y) { return vbslq_f32(vcltq_f32(x, y), x, y); });
}
inline bool anyEqual(const Lanes& a, const Lanes& b) {
  uint32x4_t equal = vceqq_f32(a.at[0], b.at[0]);
  for (int i = 1; i < 4; i++) equal = vorrq_u32(equal, vceqq_f32(a.at[i], b.at[i]));
  return vmaxvq_u32(equal) != 0;
}

inline Ints bitsOf(const Lanes& v) {
  return each<Ints>(v, [](F x) { return vreinterpretq_s32_f32(x); });
}
inline Lanes asLanes(const Ints& v) {
  return each<Lanes>(v, [](I x) { return vreinterpretq_f32_s32(x); });
}
inline Ints broadcastInts(int32_t x) {
  const I v = vdupq_n_s32(x);
  return {{v, v, v, v}};
}
inline Ints addInts(const Ints& a, const Ints& b) { return each(a, b, [](I x, I y) { return vaddq_s32(x, y); }); }
inline Ints subInts(const Ints& a, const Ints& b) { return each(a, b, [](I x, I y) { return vsubq_s32(x, y); }); }
inline Ints andInts(const Ints& a, const Ints& b) { return each(a, b, [](I x, I y) { return vandq_s32(x, y); }); }
inline Ints largerInts(const Ints& a, const Ints& b) { return each(a, b, [](I x, I y) { return vmaxq_s32(x, y); }); }
inline Ints halveInts(const Ints& a) {
  return each<Ints>(a, [](I x) { return vshrq_n_s32(x, 1); });
}
inline Lanes floatsOf(const Ints& a) {
  return each<Lanes>(a, [](I x) { return vcvtq_f32_s32(x); });
}
inline Lanes powerOfTwo(const Ints& exponent) {
  return each<Lanes>(exponent, [](I x) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(x, vdupq_n_s32(127)), 23)); });
}
inline void storeLowBytes(int8_t* p, const Ints& v) {
  const int16x8_t low = vcombine_s16(vmovn_s32(v.at[0]), vmovn_s32(v.at[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(v.at[2]), vmovn_s32(v.at[3]));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

// Lanes i + (i + 8), then + (i + 4): four partial sums.
inline F partialSums(const Lanes& v) {
  return vaddq_f32(vaddq_f32(v.at[0], v.at[2]), vaddq_f32(v.at[1], v.at[3]));
}
inline F sumFour(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d) {
  const F pa = partialSums(a), pb = partialSums(b), pc = partialSums(c), pd = partialSums(d);
  const F ab = vaddq_f32(vcombine_f32(vget_low_f32(pa), vget_low_f32(pb)), vcombine_f32(vget_high_f32(pa), vget_high_f32(pb)));
  const F cd = vaddq_f32(vcombine_f32(vget_low_f32(pc), vget_low_f32(pd)), vcombine_f32(vget_high_f32(pc), vget_high_f32(pd)));
  return vpaddq_f32(ab, cd);
}
inline Lanes sumEach(const Lanes (&v)[16]) {
  return {{sumFour(v[0], v[1], v[2], v[3]), sumFour(v[4], v[5], v[6], v[7]), sumFour(v[8], v[9], v[10], v[11]),
           sumFour(v[12], v[13], v[14], v[15])}};
}
inline float sumLanes(const Lanes& v) {
  const F four = partialSums(v);
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
inline float largestLane(const Lanes& v) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.at[0], v.at[1]), vmaxq_f32(v.at[2], v.at[3])));
}
inline int32_t largestInt(const Ints& v) {
  return vmaxvq_s32(vmaxq_s32(vmaxq_s32(v.at[0], v.at[1]), vmaxq_s32(v.at[2], v.at[3])));
}
inline int32_t sumInts(const Ints& v) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(v.at[0], v.at[1]), vaddq_s32(v.at[2], v.at[3])));
}

constexpr int kValueLanes = 4;  // fours of registers for sums of values

}  // namespace
}  // namespace paceline

#include "kernels_attend.h"
#include "kernels_tiles.h"

namespace paceline {
namespace {

// Sums of R rows: four columns per register. The inputs of a register of 16 are taken by fours: lane L.
template <int R, int L>
PACELINE_INLINE void dot(Ints (&sums)[R], int column, int8x16_t weights, const int8x16_t (&inputs)[R]) {
  repeat<R>([&](auto r) PACELINE_LAMBDA { sums[r].at[column] = vdotq_laneq_s32(sums[r].at[column], weights, inputs[r], L); });
}

template <int R>
PACELINE_INLINE void loadInputs(const Tile& tile, const int8_t* q, int8x16_t (&inputs)[R]) {
  repeat<R>([&](auto r) PACELINE_LAMBDA { inputs[r] = vld1q_s8(q + r * tile.xStride); });
}

template <int R, int L>
PACELINE_INLINE void dotLine(Ints (&sums)[R], const uint8_t* w, const int8x16_t (&inputs)[R]) {
  repeat<4>([&](auto c) PACELINE_LAMBDA { dot<R, L>(sums, c, vld1q_s8(reinterpret_cast<const int8_t*>(w) + 16 * c), inputs); });
}

template <int R, int P>
void tileInt8(Tile tile) {
  Ints sums[R];
  repeat<R>([&](auto r) PACELINE_LAMBDA { sums[r] = bitsOf(resume(tile, r, 0, P, broadcast(0))); });
  const uint8_t* w = partWeights(tile, WeightType::kInt8);
  const int8_t* q = partInputs(tile);
  for (int32_t i = tile.begin; i < tile.end; i += kInt8Step, w += 4 * kLine, q += kInt8Step) {
    tile.ahead.step<1, 4>();
    int8x16_t inputs[R];
    loadInputs(tile, q, inputs);
    dotLine<R, 0>(sums, w, inputs);
    dotLine<R, 1>(sums, w + kLine, inputs);
    dotLine<R, 2>(sums, w + 2 * kLine, inputs);
    dotLine<R, 3>(sums, w + 3 * kLine, inputs);
  }
  repeat<R>([&](auto r) PACELINE_LAMBDA { leaveInt8(tile, r, 0, P, sums[r]); });
}

// Low halves meet the inputs of lane L, high halves those of the next.
template <int R, int L>
PACELINE_INLINE void dotHalves(Ints (&sums)[R], const uint8_t* w, const int8x16_t (&inputs)[R]) {
  repeat<4>([&](auto c) PACELINE_LAMBDA {
    const uint8x16_t both = vld1q_u8(w + 16 * c);
    dot<R, L>(sums, c, vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))), inputs);
    dot<R, L + 1>(sums, c, vreinterpretq_s8_u8(vshrq_n_u8(both, 4)), inputs);
  });
}

template <int R, int P>
void tileInt4(Tile tile) {
  Lanes totals[R];
  repeat<R>([&](auto r) PACELINE_LAMBDA { totals[r] = resume(tile, r, 0, P, broadcast(0)); });
  const uint8_t* scales = partScales(tile);
  const uint8_t* w = partWeights(tile, WeightType::kInt4);
  const int8_t* q = partInputs(tile);
  for (int32_t g = tile.begin / kGroup, end = groupsOf(tile.end); g < end; g++, scales += kGroupScaleBytes) {
    Ints sums[R];
    repeat<R>([&](auto r) PACELINE_LAMBDA { sums[r] = broadcastInts(int4Excess(tile.row(r), g)); });
    for (int32_t line = 0; line < kGroupLines; line += 2, w += 2 * kLine, q += 4 * kInputs) {
      tile.ahead.step<1, 2>();
      int8x16_t inputs[R];
      loadInputs(tile, q, inputs);
      dotHalves<R, 0>(sums, w, inputs);
      dotHalves<R, 2>(sums, w + kLine, inputs);
    }
    const Lanes scale = loadHalves(scales);
    repeat<R>([&](auto r) PACELINE_LAMBDA { totals[r] = fma(floatsOf(sums[r]), scale, totals[r]); });
  }
  repeat<R>([&](auto r) PACELINE_LAMBDA { leaveInt4(tile, r, 0, P, totals[r]); });
}

constexpr TileTable<1, 6> kF32Tiles = {
    {{tileF32<1, 1>, tileF32<2, 1>, tileF32<3, 1>, tileF32<4, 1>, tileF32<5, 1>, tileF32<6, 1>}}};
constexpr TileTable<1, 6> kInt8Tiles = {
    {{tileInt8<1, 1>, tileInt8<2, 1>, tileInt8<3, 1>, tileInt8<4, 1>, tileInt8<5, 1>, tileInt8<6, 1>}}};
constexpr TileTable<1, 4> kInt4Tiles = {{{tileInt4<1, 1>, tileInt4<2, 1>, tileInt4<3, 1>, tileInt4<4, 1>}}};

constexpr int kInt8Bias = 0;

}  // namespace
}  // namespace paceline

#include "kernels_table.h"

namespace paceline {
namespace {
constexpr Kernels kKernels = makeTable("neon");
}
const Kernels* const kNeonKernels = &kKernels;
}  // namespace paceline

#else
const paceline::Kernels* const paceline::kNeonKernels = nullptr;
#endif
