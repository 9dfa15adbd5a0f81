// What compilers spell differently.
//
// PACELINE_PREFETCH brings a line into the first-level cache, PACELINE_PREFETCH_FAR into the second-level cache: for what is
// needed later than the first one would keep it.
#pragma once

#if defined(__GNUC__) || defined(__clang__)
#define PACELINE_INLINE inline __attribute__((always_inline))
#define PACELINE_LAMBDA __attribute__((always_inline))
#define PACELINE_PREFETCH(address) __builtin_prefetch(address, 0, 3)
#define PACELINE_PREFETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#else
#include <intrin.h>
#define PACELINE_INLINE __forceinline
#define PACELINE_LAMBDA [[msvc::forceinline]]
#if defined(_M_ARM64)
#define PACELINE_PREFETCH(address) __prefetch(address)
#define PACELINE_PREFETCH_FAR(address) __prefetch2(address, 2)  // PLDL2KEEP
#else
#define PACELINE_PREFETCH(address) _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0)
#define PACELINE_PREFETCH_FAR(address) _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T1)
#endif
#endif

namespace paceline {
namespace {

template <int I>
struct Index {
  constexpr operator int() const { return I; }
};

// step(0), step(1), ... step(N - 1) with constant indices: what an array of registers is indexed with. Compilers keep such
// arrays in memory where they unroll a loop too late, and where they inline a lambda too late: hence PACELINE_LAMBDA.
template <int N, int I = 0, typename Step>
PACELINE_INLINE void repeat(const Step& step) {
  if constexpr (I < N) {
    step(Index<I>());
    repeat<N, I + 1>(step);
  }
}

}  // namespace
}  // namespace paceline
