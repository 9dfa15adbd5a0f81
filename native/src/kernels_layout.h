// How weights are packed and how activations are quantised: the same bytes in every table.
//
// Included by each kernels_*.cc after it has defined Lanes. Those files are compiled with different instruction sets, so
// everything here has internal linkage (a merged inline function could carry instructions the processor lacks), and
// nothing of the standard library is used that could be instantiated out of line.
//
//   f32 panel:  k x 16 floats
//   int8 panel: 16 scales (f32), then per 4 inputs 64 bytes: 16 columns x 4 inputs
//   int4 panel: per group of 128 inputs 16 scales (f16), rounded up to 64 bytes; then per group 16 x 64 bytes: 16 columns
//               x 4 inputs in the low halves, the next 4 inputs in the high halves
//   quantised row: scale (f32), -128 x sum of q, per group -8 x sum of q (i32: what unsigned weights come to too much);
//               from the next multiple of 64 bytes q (i8), zero beyond k
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

namespace paceline {
namespace {

constexpr int32_t kInputs = 4;                              // inputs side by side in 32 bits of an integer weight
constexpr size_t kLine = 64;                                // bytes of 16 columns x 4 inputs
constexpr int32_t kInt8Step = 16;                           // the inputs of an int8 panel are padded to a multiple of this
constexpr int32_t kGroupLines = kGroup / kInputs / 2;       // lines of an int4 group
constexpr size_t kGroupScaleBytes = kPanel * sizeof(uint16_t);

constexpr size_t roundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }
constexpr int32_t groupsOf(int32_t k) { return (k + kGroup - 1) / kGroup; }
constexpr size_t int4ScaleBytes(int32_t k) { return roundUp(groupsOf(k) * kGroupScaleBytes, kLine); }
constexpr size_t rowHeaderBytes(int32_t k) { return roundUp((2 + size_t(groupsOf(k))) * sizeof(int32_t), kLine); }

// What a panel has before its weights, and how long these are for some inputs.
size_t headerBytes(WeightType type, int32_t k) {
  return type == WeightType::kF32 ? 0 : type == WeightType::kInt8 ? kLine : int4ScaleBytes(k);
}
size_t bytesOfInputs(WeightType type, int32_t inputs) {
  if (type == WeightType::kF32) return size_t(inputs) * kPanel * sizeof(float);
  if (type == WeightType::kInt8) return roundUp(size_t(inputs), kInt8Step) * kPanel;
  return size_t(groupsOf(inputs)) * kGroupLines * kLine;
}
size_t panelBytes(WeightType type, int32_t k) { return headerBytes(type, k) + bytesOfInputs(type, k); }

int32_t columnsOf(int32_t n, int32_t panel) {
  const int32_t left = n - panel * kPanel;
  return left < kPanel ? left : kPanel;
}

void packF32(const float* weight, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  const int32_t columns = columnsOf(n, panel);
  float* to = reinterpret_cast<float*>(out);
  memset(out, 0, panelBytes(WeightType::kF32, k));
  for (int32_t c = 0; c < columns; c++) {
    const float* row = weight + size_t(panel * kPanel + c) * k;
    for (int32_t i = 0; i < k; i++) to[size_t(i) * kPanel + c] = row[i];
  }
}

// kBias is added to every weight: 128 where the product wants unsigned weights, else 0.
template <int kBias>
void packInt8(const int8_t* values, const float* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  const int32_t columns = columnsOf(n, panel);
  memset(out, 0, kPanel * sizeof(float));
  memcpy(out, scales + size_t(panel) * kPanel, columns * sizeof(float));
  uint8_t* lines = out + kPanel * sizeof(float);
  memset(lines, kBias, roundUp(size_t(k), kInt8Step) * kPanel);
  for (int32_t c = 0; c < columns; c++) {
    const int8_t* row = values + size_t(panel * kPanel + c) * k;
    for (int32_t i = 0; i < k; i++) {
      lines[size_t(i / kInputs) * kLine + c * kInputs + i % kInputs] = uint8_t(row[i] + kBias);
    }
  }
}

void packInt4(const uint8_t* packed, const uint16_t* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  const int32_t columns = columnsOf(n, panel), groups = groupsOf(k);
  memset(out, 0, int4ScaleBytes(k));
  uint8_t* lines = out + int4ScaleBytes(k);
  memset(lines, 0x88, size_t(groups) * kGroupLines * kLine);
  for (int32_t c = 0; c < columns; c++) {
    for (int32_t g = 0; g < groups; g++) {
      const size_t from = size_t(panel * kPanel + c) * groups + g;
      memcpy(out + g * kGroupScaleBytes + c * sizeof(uint16_t), scales + from, sizeof(uint16_t));
      const uint8_t* q = packed + from * (kGroup / 2);
      uint8_t* group = lines + size_t(g) * kGroupLines * kLine + c * kInputs;
      for (int32_t line = 0; line < kGroupLines; line++, q += kInputs, group += kLine) {
        group[0] = uint8_t((q[0] & 15) | q[2] << 4);  // inputs 0 and 4 of these 8
        group[1] = uint8_t(q[0] >> 4 | (q[2] & 0xf0));
        group[2] = uint8_t((q[1] & 15) | q[3] << 4);
        group[3] = uint8_t(q[1] >> 4 | (q[3] & 0xf0));
      }
    }
  }
}

// An odd number of lines, so that equal positions of neighbouring rows fall into different sets of the first-level cache.
size_t quantisedRowBytes(WeightType, int32_t k) {
  const size_t bytes = rowHeaderBytes(k) + size_t(groupsOf(k)) * kGroup;
  return bytes / kLine % 2 ? bytes : bytes + kLine;
}

const int8_t* rowValues(const uint8_t* row, int32_t k) {
  return reinterpret_cast<const int8_t*>(row + rowHeaderBytes(k));
}
inline float rowScale(const uint8_t* row) { return *reinterpret_cast<const float*>(row); }
inline int32_t int8Excess(const uint8_t* row) { return reinterpret_cast<const int32_t*>(row)[1]; }
inline int32_t int4Excess(const uint8_t* row, int32_t group) { return reinterpret_cast<const int32_t*>(row)[2 + group]; }

}  // namespace
}  // namespace paceline
