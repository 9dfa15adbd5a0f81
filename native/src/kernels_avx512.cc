// AVX-512 with VNNI: 16 columns in a register, four products of bytes summed per column and instruction.
#include "kernels_tables.h"

#if defined(__AVX512VNNI__) || (defined(_MSC_VER) && defined(_M_X64))
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the registers that intrinsics leave undefined for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#include <stdint.h>

namespace paceline {
namespace {

using Lanes = __m512;
using Ints = __m512i;

inline __mmask16 first(int32_t count) { return __mmask16((1u << count) - 1); }
inline Lanes load(const float* p) { return _mm512_loadu_ps(p); }
inline Lanes loadSome(const float* p, int32_t count, Lanes fill) { return _mm512_mask_loadu_ps(fill, first(count), p); }
inline Lanes loadHalves(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline void store(float* p, Lanes v) { _mm512_storeu_ps(p, v); }
inline void storeSome(float* p, Lanes v, int32_t count) { _mm512_mask_storeu_ps(p, first(count), v); }
inline Lanes broadcast(float x) { return _mm512_set1_ps(x); }
inline Lanes add(Lanes a, Lanes b) { return _mm512_add_ps(a, b); }
inline Lanes sub(Lanes a, Lanes b) { return _mm512_sub_ps(a, b); }
inline Lanes mul(Lanes a, Lanes b) { return _mm512_mul_ps(a, b); }
inline Lanes div(Lanes a, Lanes b) { return _mm512_div_ps(a, b); }
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
inline Lanes larger(Lanes a, Lanes b) { return _mm512_max_ps(a, b); }   // a > b ? a : b
inline Lanes smaller(Lanes a, Lanes b) { return _mm512_min_ps(a, b); }  // a < b ? a : b
inline bool anyEqual(Lanes a, Lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ) != 0; }

inline Ints bitsOf(Lanes v) { return _mm512_castps_si512(v); }
inline Lanes asLanes(Ints v) { return _mm512_castsi512_ps(v); }
inline Ints broadcastInts(int32_t x) { return _mm512_set1_epi32(x); }
inline Ints addInts(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints subInts(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
inline Ints andInts(Ints a, Ints b) { return _mm512_and_si512(a, b); }
inline Ints largerInts(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
inline Ints halveInts(Ints a) { return _mm512_srai_epi32(a, 1); }
inline Lanes floatsOf(Ints a) { return _mm512_cvtepi32_ps(a); }
inline Lanes powerOfTwo(Ints exponent) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(exponent, _mm512_set1_epi32(127)), 23));
}
inline int32_t largestInt(Ints v) { return _mm512_reduce_max_epi32(v); }
inline int32_t sumInts(Ints v) { return _mm512_reduce_add_epi32(v); }
inline void storeLowBytes(int8_t* p, Ints v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
}

inline float sumLanes(Lanes v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float largestLane(Lanes v) { return _mm512_reduce_max_ps(v); }

// Lane i: the sum of the lanes of v[i], added as in sumLanes, 16 sums at once.
inline Lanes sumEach(const Lanes (&v)[16]) {
  // Which vector's sum lands in which lane: blocks of four lanes hold 0 4 8 12, then 1 5 9 13, ...; undone by the order
  // in which vectors are paired.
  const auto halve = [](Lanes a, Lanes b) {  // 16 -> 8 partial sums each
    return add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  };
  const auto quarter = [](Lanes a, Lanes b) {  // 8 -> 4
    return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  };
  const auto pairs = [](Lanes a, Lanes b) {  // 4 -> 2
    return add(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  };
  const auto fourOf = [&](int i) { return quarter(halve(v[i], v[i + 4]), halve(v[i + 8], v[i + 12])); };
  const Lanes a = pairs(fourOf(0), fourOf(1)), b = pairs(fourOf(2), fourOf(3));
  return add(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

constexpr int kValueLanes = 16;  // registers for sums of values

}  // namespace
}  // namespace paceline

#include "kernels_attend.h"
#include "kernels_tiles.h"

namespace paceline {
namespace {

// Four inputs in every lane.
inline Ints inputsAt(const int8_t* q) {
  int32_t four;
  memcpy(&four, q, sizeof(four));
  return _mm512_set1_epi32(four);
}

// sum += the products of four unsigned weights and four inputs per lane.
PACELINE_INLINE void dot(Ints& sum, Ints weights, Ints inputs) {
  sum = _mm512_dpbusd_epi32(sum, weights, inputs);
#if defined(__GNUC__)
  asm("" : "+v"(sum));  // no instruction: without it GCC copies sums from register to register and runs out of them
#endif
}

// sums[row][panel][chain] += the products of one register of weights per panel and the inputs at `q` of every row.
template <int R, int P, int S>
PACELINE_INLINE void dotRows(Ints (&sums)[R][P][S], int chain, const Ints (&weights)[P], const int8_t* q, size_t stride) {
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    const Ints inputs = inputsAt(q + r * stride);
    repeat<P>([&](auto p) PACELINE_LAMBDA { dot(sums[r][p][chain], weights[p], inputs); });
  });
}

template <int R, int P>
void tileInt8(Tile tile) {
  constexpr int S = R * P <= 8 ? 2 : 1;  // chains per sum: enough to hide the latency of an instruction
  Ints sums[R][P][S];
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    repeat<P>([&](auto p) PACELINE_LAMBDA {
      sums[r][p][0] = bitsOf(resume(tile, r, p, P, asLanes(broadcastInts(int8Excess(tile.row(r))))));
      if (S == 2) sums[r][p][S - 1] = broadcastInts(0);
    });
  });
  const uint8_t* w = partWeights(tile, WeightType::kInt8);
  const int8_t* q = partInputs(tile);
  for (int32_t i = tile.begin; i < tile.end; i += kInt8Step, w += 4 * kLine, q += kInt8Step) {
    tile.ahead.step<P, 4>();
    repeat<4>([&](auto j) PACELINE_LAMBDA {
      Ints weights[P];
      repeat<P>([&](auto p) PACELINE_LAMBDA { weights[p] = _mm512_loadu_si512(w + p * tile.panelBytes + j * kLine); });
      dotRows(sums, j % S, weights, q + j * kInputs, tile.xStride);
    });
  }
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    repeat<P>([&](auto p) PACELINE_LAMBDA {
      leaveInt8(tile, r, p, P, S == 2 ? addInts(sums[r][p][0], sums[r][p][S - 1]) : sums[r][p][0]);
    });
  });
}

template <int R, int P>
void tileInt4(Tile tile) {
  constexpr int S = R * P <= 4 ? 2 : 1;
  const Ints low = _mm512_set1_epi8(15);
  // Totals stay in memory, touched once a group: the registers are needed for the sums of the group.
  if (tile.first()) repeat<R * P>([&](auto i) PACELINE_LAMBDA { store(tile.state + i * kPanel, broadcast(0)); });
  const uint8_t* scales = partScales(tile);
  const uint8_t* w = partWeights(tile, WeightType::kInt4);
  const int8_t* q = partInputs(tile);
  for (int32_t g = tile.begin / kGroup, end = groupsOf(tile.end); g < end; g++, scales += kGroupScaleBytes) {
    Ints sums[R][P][S];
    repeat<R>([&](auto r) PACELINE_LAMBDA {
      repeat<P>([&](auto p) PACELINE_LAMBDA {
        sums[r][p][0] = broadcastInts(int4Excess(tile.row(r), g));
        if (S == 2) sums[r][p][S - 1] = broadcastInts(0);
      });
    });
    for (int32_t line = 0; line < kGroupLines; line += 2, w += 2 * kLine, q += 4 * kInputs) {
      tile.ahead.step<P, 2>();
      repeat<2>([&](auto j) PACELINE_LAMBDA {
        Ints lows[P], highs[P];
        repeat<P>([&](auto p) PACELINE_LAMBDA {
          const Ints both = _mm512_loadu_si512(w + p * tile.panelBytes + j * kLine);
          lows[p] = andInts(both, low);
          highs[p] = andInts(_mm512_srli_epi16(both, 4), low);
        });
        dotRows(sums, 0, lows, q + 2 * j * kInputs, tile.xStride);
        dotRows(sums, S - 1, highs, q + (2 * j + 1) * kInputs, tile.xStride);
      });
    }
    repeat<P>([&](auto p) PACELINE_LAMBDA {
      const Lanes scale = loadHalves(scales + p * tile.panelBytes);
      repeat<R>([&](auto r) PACELINE_LAMBDA {
        const Ints sum = S == 2 ? addInts(sums[r][p][0], sums[r][p][S - 1]) : sums[r][p][0];
        float* total = tile.stateOf(r, p, P);
        store(total, fma(floatsOf(sum), scale, load(total)));
      });
    });
  }
  if (!tile.last()) return;
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    repeat<P>([&](auto p) PACELINE_LAMBDA { leaveInt4(tile, r, p, P, load(tile.stateOf(r, p, P))); });
  });
}

#define ROWS(TILE, P) \
  { TILE<1, P>, TILE<2, P>, TILE<3, P>, TILE<4, P>, TILE<5, P>, TILE<6, P>, TILE<7, P>, TILE<8, P> }
constexpr TileTable<2, 8> kF32Tiles = {{ROWS(tileF32, 1), ROWS(tileF32, 2)}};
constexpr TileTable<2, 8> kInt8Tiles = {{ROWS(tileInt8, 1), ROWS(tileInt8, 2)}};
constexpr TileTable<2, 8> kInt4Tiles = {{ROWS(tileInt4, 1), ROWS(tileInt4, 2)}};
#undef ROWS

constexpr int kInt8Bias = 128;  // the instruction takes weights without a sign

}  // namespace
}  // namespace paceline

#include "kernels_table.h"

namespace paceline {
namespace {
constexpr Kernels kKernels = makeTable("avx512vnni");
}
const Kernels* const kAvx512Kernels = &kKernels;
}  // namespace paceline

#else
const paceline::Kernels* const paceline::kAvx512Kernels = nullptr;
#endif
