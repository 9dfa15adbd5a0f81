// What compilers spell differently.
#pragma once

#if defined(__GNUC__) || defined(__clang__)
#define PACELINE_INLINE inline __attribute__((always_inline))
#define PACELINE_PREFETCH(address) __builtin_prefetch(address, 0, 3)
#else
#include <intrin.h>
#define PACELINE_INLINE __forceinline
#if defined(_M_ARM64)
#define PACELINE_PREFETCH(address) __prefetch(address)
#else
#define PACELINE_PREFETCH(address) _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0)
#endif
#endif

// Before loops of constant length over registers: an array of them that is indexed by a variable lives in memory.
#if defined(__clang__)
#define PACELINE_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define PACELINE_UNROLL _Pragma("GCC unroll 16")
#else
#define PACELINE_UNROLL
#endif
