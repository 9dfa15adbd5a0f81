// The table of an instruction set, from the functions that its kernels_*.cc has defined or included so far.
#pragma once
#include "kernels_attend.h"
#include "kernels_tiles.h"

namespace paceline {
namespace {

void linear(const LinearWeight& weight, const uint8_t* x, size_t xStride, int32_t rows, float* y, size_t yStride,
            int32_t panelBegin, int32_t panelEnd) {
  if (weight.type == WeightType::kF32) {
    linearTiles(kF32Tiles, weight, x, xStride, rows, y, yStride, panelBegin, panelEnd);
  } else if (weight.type == WeightType::kInt8) {
    linearTiles(kInt8Tiles, weight, x, xStride, rows, y, yStride, panelBegin, panelEnd);
  } else {
    linearTiles(kInt4Tiles, weight, x, xStride, rows, y, yStride, panelBegin, panelEnd);
  }
}

constexpr Kernels makeTable(const char* name) {
  return {name,    panelBytes, packF32, packInt8<kInt8Bias>, packInt4, quantisedRowBytes, quantiseRow, linear,
          rmsNorm, rope,       siluMul, silu,                addRows,  attend,            argmax,      softmax,
          logSoftmax};
}

}  // namespace
}  // namespace paceline
