// The tables themselves, null where this build has none; which of them a processor runs is decided in kernels.cc.
#pragma once
#include "kernels.h"

namespace paceline {

extern const Kernels* const kAvx512Kernels;
extern const Kernels* const kAvx2Kernels;
extern const Kernels* const kNeonKernels;
extern const Kernels* const kPortableKernels;

}  // namespace paceline
