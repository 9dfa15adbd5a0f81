// AVX2 with FMA and F16C: 16 columns in two registers.
#include "kernels_tables.h"

#if (defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)) || (defined(_MSC_VER) && defined(_M_X64))
#include <immintrin.h>
#include <stdint.h>

namespace paceline {
namespace {

struct Lanes {
  __m256 low, high;
};
struct Ints {
  __m256i low, high;
};

inline __m256i first(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline Lanes loadSome(const float* p, int32_t count, Lanes fill) {
  const __m256i low = first(count), high = first(count - 8);
  return {_mm256_blendv_ps(fill.low, _mm256_maskload_ps(p, low), _mm256_castsi256_ps(low)),
          _mm256_blendv_ps(fill.high, _mm256_maskload_ps(p + 8, high), _mm256_castsi256_ps(high))};
}
inline Lanes loadHalves(const uint8_t* p) {
  const __m128i* halves = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
inline void store(float* p, Lanes v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
inline void storeSome(float* p, Lanes v, int32_t count) {
  _mm256_maskstore_ps(p, first(count), v.low);
  _mm256_maskstore_ps(p + 8, first(count - 8), v.high);
}
inline Lanes broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Lanes add(Lanes a, Lanes b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Lanes sub(Lanes a, Lanes b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Lanes mul(Lanes a, Lanes b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Lanes div(Lanes a, Lanes b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
// a > b ? a : b, and a < b ? a : b
inline Lanes larger(Lanes a, Lanes b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Lanes smaller(Lanes a, Lanes b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline bool anyEqual(Lanes a, Lanes b) {
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)));
}

inline Ints bitsOf(Lanes v) { return {_mm256_castps_si256(v.low), _mm256_castps_si256(v.high)}; }
inline Lanes asLanes(Ints v) { return {_mm256_castsi256_ps(v.low), _mm256_castsi256_ps(v.high)}; }
inline Ints broadcastInts(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline Ints addInts(Ints a, Ints b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline Ints subInts(Ints a, Ints b) { return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)}; }
inline Ints andInts(Ints a, Ints b) { return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)}; }
inline Ints largerInts(Ints a, Ints b) { return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)}; }
inline Ints halveInts(Ints a) { return {_mm256_srai_epi32(a.low, 1), _mm256_srai_epi32(a.high, 1)}; }
inline Lanes floatsOf(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
inline __m256 powerOfTwo(__m256i exponent) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
}
inline Lanes powerOfTwo(Ints exponent) { return {powerOfTwo(exponent.low), powerOfTwo(exponent.high)}; }
inline void storeLowBytes(int8_t* p, Ints v) {
  // Masked to 0..255, so that packing does not saturate; it works on halves of registers, hence the permutation.
  const __m256i mask = _mm256_set1_epi32(255);
  const __m256i words = _mm256_packus_epi32(_mm256_and_si256(v.low, mask), _mm256_and_si256(v.high, mask));
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(ordered));
}

inline float sumLanes(Lanes v) {
  const __m256 eight = _mm256_add_ps(v.low, v.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float largestLane(Lanes v) {
  const __m256 eight = _mm256_max_ps(v.low, v.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
inline int32_t largestInt(Ints v) {
  const __m256i eight = _mm256_max_epi32(v.low, v.high);
  const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 1)));
}
inline int32_t sumInts(Ints v) {
  const __m256i eight = _mm256_add_epi32(v.low, v.high);
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

// Lane i: the sum of the lanes of v[i], added as in sumLanes, eight sums at once.
inline __m256 sumEight(const Lanes* v) {
  const auto eights = [&](int i) { return _mm256_add_ps(v[i].low, v[i].high); };
  const auto fours = [&](int i) {  // of vectors i and i + 4
    const __m256 a = eights(i), b = eights(i + 4);
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  };
  const auto twos = [&](int i) {
    const __m256 a = fours(i), b = fours(i + 1);
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
  };
  const __m256 a = twos(0), b = twos(2);
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
}
inline Lanes sumEach(const Lanes (&v)[16]) { return {sumEight(v), sumEight(v + 8)}; }

constexpr int kValueLanes = 4;  // pairs of registers for sums of values

}  // namespace
}  // namespace paceline

#include "kernels_attend.h"
#include "kernels_tiles.h"

namespace paceline {
namespace {

inline __m256i loadBytes(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// sum += what. GCC would put off additions until it runs out of registers for what is to be added.
PACELINE_INLINE void addWords(__m256i& sum, __m256i what) {
  sum = _mm256_add_epi16(sum, what);
#if defined(__GNUC__)
  asm("" : "+x"(sum));  // no instruction
#endif
}
PACELINE_INLINE void addInts(__m256i& sum, __m256i what) {
  sum = _mm256_add_epi32(sum, what);
#if defined(__GNUC__)
  asm("" : "+x"(sum));
#endif
}

// Four inputs in every lane.
inline __m256i inputsAt(const int8_t* q) {
  int32_t four;
  memcpy(&four, q, sizeof(four));
  return _mm256_set1_epi32(four);
}

// The product of bytes wants one side without a sign and sums two products in 16 bits, saturating. Weights and inputs lie
// in -127..127: |w| x (sign of w) q sums to no more than 2 x 127 x 127 = 32258, which fits.
template <int R, int P>
void tileInt8(Tile tile) {
  const __m256i ones = _mm256_set1_epi16(1);
  Ints sums[R];
  repeat<R>([&](auto r) PACELINE_LAMBDA { sums[r] = broadcastInts(0); });
  const auto product = [&](__m256i magnitude, __m256i w, __m256i inputs) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(inputs, w)), ones);
  };
  const uint8_t* w = partWeights(tile, WeightType::kInt8);
  const int8_t* q = partInputs(tile);
  for (int32_t i = tile.begin; i < tile.end; i += kInt8Step, w += 4 * kLine, q += kInt8Step) {
    tile.ahead.step<1, 4>();
    repeat<4>([&](auto j) PACELINE_LAMBDA {
      const __m256i low = loadBytes(w + j * kLine), high = loadBytes(w + j * kLine + 32);
      const __m256i lowMagnitude = _mm256_abs_epi8(low), highMagnitude = _mm256_abs_epi8(high);
      repeat<R>([&](auto r) PACELINE_LAMBDA {
        const __m256i inputs = inputsAt(q + r * tile.xStride + j * kInputs);
        addInts(sums[r].low, product(lowMagnitude, low, inputs));
        addInts(sums[r].high, product(highMagnitude, high, inputs));
      });
    });
  }
  repeat<R>([&](auto r) PACELINE_LAMBDA { leaveInt8(tile, r, 0, P, sums[r]); });
}

// Two products of 0..15 x -127..127 come to at most 3810: eight such sums, those of four lines, fit 16 bits.
template <int R>
PACELINE_INLINE void addFourLines(const Tile& tile, const uint8_t* w, const int8_t* q, Ints (&sums)[R]) {
  const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  Ints words[R];
  repeat<R>([&](auto r) PACELINE_LAMBDA { words[r] = broadcastInts(0); });
  repeat<8>([&](auto j) PACELINE_LAMBDA {  // low halves, then high halves of a line
    __m256i left = loadBytes(w + j / 2 * kLine), right = loadBytes(w + j / 2 * kLine + 32);
    if (j % 2) left = _mm256_srli_epi16(left, 4), right = _mm256_srli_epi16(right, 4);
    left = _mm256_and_si256(left, mask);
    right = _mm256_and_si256(right, mask);
    repeat<R>([&](auto r) PACELINE_LAMBDA {
      const __m256i inputs = inputsAt(q + r * tile.xStride + j * kInputs);
      addWords(words[r].low, _mm256_maddubs_epi16(left, inputs));
      addWords(words[r].high, _mm256_maddubs_epi16(right, inputs));
    });
  });
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    addInts(sums[r].low, _mm256_madd_epi16(words[r].low, ones));
    addInts(sums[r].high, _mm256_madd_epi16(words[r].high, ones));
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
    for (int32_t line = 0; line < kGroupLines; line += 4, w += 4 * kLine, q += 8 * kInputs) {
      tile.ahead.step<1, 4>();
      addFourLines(tile, w, q, sums);
    }
    const Lanes scale = loadHalves(scales);
    repeat<R>([&](auto r) PACELINE_LAMBDA { totals[r] = fma(floatsOf(sums[r]), scale, totals[r]); });
  }
  repeat<R>([&](auto r) PACELINE_LAMBDA { leaveInt4(tile, r, 0, P, totals[r]); });
}

constexpr TileTable<1, 6> kF32Tiles = {
    {{tileF32<1, 1>, tileF32<2, 1>, tileF32<3, 1>, tileF32<4, 1>, tileF32<5, 1>, tileF32<6, 1>}}};
constexpr TileTable<1, 4> kInt8Tiles = {{{tileInt8<1, 1>, tileInt8<2, 1>, tileInt8<3, 1>, tileInt8<4, 1>}}};
constexpr TileTable<1, 6> kInt4Tiles = {
    {{tileInt4<1, 1>, tileInt4<2, 1>, tileInt4<3, 1>, tileInt4<4, 1>, tileInt4<5, 1>, tileInt4<6, 1>}}};

constexpr int kInt8Bias = 0;

}  // namespace
}  // namespace paceline

#include "kernels_table.h"

namespace paceline {
namespace {
constexpr Kernels kKernels = makeTable("avx2");
}
const Kernels* const kAvx2Kernels = &kKernels;
}  // namespace paceline

#else
const paceline::Kernels* const paceline::kAvx2Kernels = nullptr;
#endif
