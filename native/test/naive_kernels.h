// Kernels in plain loops, for tests of what is around the kernels.
#pragma once
#include "../src/kernels.h"

namespace test {
extern const paceline::Kernels naiveKernels;
}
