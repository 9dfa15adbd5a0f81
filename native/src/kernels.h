// The arithmetic of a decode program: one table of functions per instruction set, chosen once at run time.
//
// A row is a row: every function gives a row of its output the same bits whatever other rows it is called with, in
// whatever order, and however its columns or heads are split over threads. Integer sums are exact; float sums run in an
// order that depends on the position within the row alone.
#pragma once
#include <cstddef>
#include <cstdint>

namespace paceline {

// Columns (outputs) that are packed side by side; work is split over threads in whole panels.
constexpr int kPanel = 16;
constexpr int kGroup = 128;  // inputs that share a scale in int4 weights

enum class WeightType : int32_t { kF32 = 0, kInt8 = 1, kInt4 = 2 };

// A packed linear weight [n, k]: ceil(n / kPanel) panels, each of panelBytes, 64-byte aligned. Columns beyond n are zero.
struct LinearWeight {
  WeightType type;
  int32_t n, k;
  size_t panelBytes;
  const uint8_t* data;
};

// Query heads over one key head. They all see the shared keys, in this order, then each of them keys of its own: a query's
// softmax is over shared + own[query] scores, dot * scale.
struct Attend {
  int32_t queries, headDim;
  const float* const* q;  // [queries] of [headDim]
  float* const* out;      // [queries] of [headDim]
  int32_t shared;
  const float* const* keys;    // [shared] of [headDim]
  const float* const* values;  // [shared] of [headDim]
  const int32_t* own;          // [queries]
  const float* const* const* ownKeys;    // [queries] of [own] of [headDim]
  const float* const* const* ownValues;  // [queries] of [own] of [headDim]
  float scale;
  float* scores;  // room for [queries, scoreStride]
  size_t scoreStride;  // more than shared + any own
};

// Rows of activations, quantised once per linear layer for all its panels (int8 and int4 weights).
// Layout is private to the instruction set; `quantisedRowBytes` tells how much room a row needs.
struct Kernels {
  const char* name;  // "avx512vnni", "avx2", "neon", "portable"

  // Packing is part of the instruction set: the layout that its product reads.
  size_t (*panelBytes)(WeightType type, int32_t k);
  // Packs panel `panel` of a dense f32 weight [n, k].
  void (*packF32)(const float* weight, int32_t n, int32_t k, int32_t panel, uint8_t* out);
  // values [n, k] in -127..127, scales [n].
  void (*packInt8)(const int8_t* values, const float* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out);
  // packed [n, groups, 64]: two q (0..15, zero point 8) per byte, low half first; scales [n, groups] f16 bits.
  void (*packInt4)(const uint8_t* packed, const uint16_t* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out);

  size_t (*quantisedRowBytes)(WeightType type, int32_t k);
  // One row x [k] to 8 bits: scale = max(max|x| / 127, 2^-126), q = round half even (x / scale).
  void (*quantiseRow)(WeightType type, const float* x, int32_t k, uint8_t* out);

  // y[row, panel columns] = x[row] . W^T for rows 0..rows-1 and panels [panelBegin, panelEnd). For f32 weights `x` holds
  // rows of k floats `xStride` bytes apart; otherwise rows as `quantiseRow` wrote them, `xStride` bytes apart.
  // y rows are yStride floats apart; columns beyond n are not written.
  void (*linear)(const LinearWeight& weight, const uint8_t* x, size_t xStride, int32_t rows, float* y, size_t yStride,
                 int32_t panelBegin, int32_t panelEnd);

  void (*rmsNorm)(const float* x, const float* gain, float eps, int32_t width, float* y);
  // Split-half rotation: cos, sin [headDim / 2].
  void (*rope)(const float* x, const float* cos, const float* sin, int32_t headDim, float* y);
  void (*siluMul)(const float* gate, const float* up, int32_t width, float* y);
  void (*silu)(const float* x, int32_t width, float* y);
  void (*add)(const float* a, const float* b, int32_t width, float* y);

  void (*attend)(const Attend& heads);

  int32_t (*argmax)(const float* x, int32_t width);  // lowest index of equals
  void (*softmax)(const float* x, int32_t width, float* y);
  void (*logSoftmax)(const float* x, int32_t width, float* y);
};

// The best table this processor runs, or the one named by PACELINE_ISA. Null (with a reason) when that one cannot run here.
const Kernels* chooseKernels(const char* requested, const char** reason);
// All tables that this processor runs, best first; ends with null.
const Kernels* const* availableKernels();

}  // namespace paceline
