// Which tables this processor runs.
#include "kernels.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels_tables.h"

#if defined(__x86_64__) || defined(_M_X64)
#define PACELINE_X86
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(_M_ARM64)
#include <windows.h>
#endif

namespace paceline {
namespace {

struct Features {
  bool avx2 = false, avx512vnni = false, dotprod = false;
};

#if defined(PACELINE_X86)

struct Registers {
  uint32_t a, b, c, d;
};

Registers cpuid(uint32_t leaf) {
  Registers r = {0, 0, 0, 0};
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, 0, 0);
  if (uint32_t(out[0]) < leaf) return r;
  __cpuidex(out, int(leaf), 0);
  r = {uint32_t(out[0]), uint32_t(out[1]), uint32_t(out[2]), uint32_t(out[3])};
#else
  __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d);
#endif
  return r;
}

// Which registers the operating system keeps for a thread.
uint64_t savedState() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
#endif
}

Features detect() {
  const auto bit = [](uint32_t word, int index) { return (word >> index & 1) != 0; };
  Features features;
  const Registers basic = cpuid(1), extended = cpuid(7);
  const bool fma = bit(basic.c, 12), osxsave = bit(basic.c, 27), f16c = bit(basic.c, 29);
  if (!osxsave) return features;
  const uint64_t saved = savedState();
  features.avx2 = fma && f16c && bit(extended.b, 5) && (saved & 0x06) == 0x06;
  const bool foundation = bit(extended.b, 16), dq = bit(extended.b, 17), bw = bit(extended.b, 30), vl = bit(extended.b, 31);
  features.avx512vnni =
      features.avx2 && foundation && dq && bw && vl && bit(extended.c, 11) && (saved & 0xe6) == 0xe6;
  return features;
}

#else

Features detect() {
  Features features;
#if defined(__aarch64__) && defined(__linux__)
  features.dotprod = (getauxval(AT_HWCAP) >> 20 & 1) != 0;  // HWCAP_ASIMDDP
#elif defined(__aarch64__) && defined(__APPLE__)
  features.dotprod = true;
#elif defined(_M_ARM64)
  features.dotprod = IsProcessorFeaturePresent(43) != 0;  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
#endif
  return features;
}

#endif

struct Available {
  const Kernels* tables[5] = {};
  Available() {
    const Features features = detect();
    int count = 0;
    const auto offer = [&](const Kernels* table, bool runs) {
      if (table && runs) tables[count++] = table;
    };
    offer(kAvx512Kernels, features.avx512vnni);
    offer(kAvx2Kernels, features.avx2);
    offer(kNeonKernels, features.dotprod);
    offer(kPortableKernels, true);
  }
};

}  // namespace

const Kernels* const* availableKernels() {
  static const Available available;
  return available.tables;
}

const Kernels* chooseKernels(const char* requested, const char** reason) {
  const Kernels* const* tables = availableKernels();
  if (!requested || !*requested) requested = std::getenv("PACELINE_ISA");
  if (!requested || !*requested) return tables[0];
  for (int i = 0; tables[i]; i++) {
    if (std::strcmp(tables[i]->name, requested) == 0) return tables[i];
  }
  const char* const names[] = {"avx512vnni", "avx2", "neon", "portable"};
  bool known = false;
  for (const char* name : names) known = known || std::strcmp(name, requested) == 0;
  if (reason) {
    *reason = known ? "this processor or this build cannot run the requested instruction set"
                    : "unknown instruction set: expected avx512vnni, avx2, neon or portable";
  }
  return nullptr;
}

}  // namespace paceline
