#include "naive_kernels.h"

#include <cmath>
#include <cstring>

namespace test {
namespace {

using paceline::kGroup;
using paceline::kPanel;
using paceline::LinearWeight;
using paceline::WeightType;

// All weights are packed as floats [16, k]; int4 as (q - 8) * (scale bits / 1024).
size_t panelBytes(WeightType, int32_t k) { return size_t{4} * kPanel * k; }

using ValueAt = float (*)(const void* values, const void* scales, int64_t row, int64_t i, int32_t k);

void pack(int32_t n, int32_t k, int32_t panel, uint8_t* out, ValueAt at, const void* values, const void* scales) {
  float* to = reinterpret_cast<float*>(out);
  for (int32_t c = 0; c < kPanel; c++) {
    const int64_t row = int64_t{panel} * kPanel + c;
    for (int32_t i = 0; i < k; i++) to[int64_t{c} * k + i] = row < n ? at(values, scales, row, i, k) : 0;
  }
}

void packF32(const float* weight, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  pack(n, k, panel, out, [](const void* v, const void*, int64_t row, int64_t i, int32_t width) {
    return static_cast<const float*>(v)[row * width + i];
  }, weight, nullptr);
}

void packInt8(const int8_t* values, const float* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  pack(n, k, panel, out, [](const void* v, const void* s, int64_t row, int64_t i, int32_t width) {
    return static_cast<const int8_t*>(v)[row * width + i] * static_cast<const float*>(s)[row];
  }, values, scales);
}

void packInt4(const uint8_t* packed, const uint16_t* scales, int32_t n, int32_t k, int32_t panel, uint8_t* out) {
  pack(n, k, panel, out, [](const void* v, const void* s, int64_t row, int64_t i, int32_t width) {
    const int64_t group = row * ((width + kGroup - 1) / kGroup) + i / kGroup;
    const uint8_t pair = static_cast<const uint8_t*>(v)[group * 64 + i % kGroup / 2];
    return ((i % 2 ? pair >> 4 : pair & 15) - 8) * (static_cast<const uint16_t*>(s)[group] / 1024.0f);
  }, packed, scales);
}

// A quantised row: floats that lost some bits.
size_t quantisedRowBytes(WeightType, int32_t k) { return size_t{4} * k; }

void quantiseRow(WeightType, const float* x, int32_t k, uint8_t* out) {
  for (int32_t i = 0; i < k; i++) {
    const float rounded = std::nearbyint(x[i] * 64) / 64;
    std::memcpy(out + i * sizeof rounded, &rounded, sizeof rounded);
  }
}

void linear(const LinearWeight& weight, const uint8_t* x, size_t xStride, int32_t rows, float* y, size_t yStride,
            int32_t panelBegin, int32_t panelEnd) {
  for (int32_t column = panelBegin * kPanel; column < panelEnd * kPanel && column < weight.n; column++) {
    const float* w = reinterpret_cast<const float*>(weight.data + column / kPanel * weight.panelBytes) +
                     int64_t{column % kPanel} * weight.k;
    for (int32_t row = 0; row < rows; row++) {
      const float* in = reinterpret_cast<const float*>(x + row * xStride);
      float sum = 0;
      for (int32_t i = 0; i < weight.k; i++) sum += in[i] * w[i];
      y[row * yStride + column] = sum;
    }
  }
}

void rmsNorm(const float* x, const float* gain, float eps, int32_t width, float* y) {
  float sum = 0;
  for (int32_t i = 0; i < width; i++) sum += x[i] * x[i];
  const float scale = 1 / std::sqrt(sum / static_cast<float>(width) + eps);
  for (int32_t i = 0; i < width; i++) y[i] = x[i] * scale * gain[i];
}

void rope(const float* x, const float* cos, const float* sin, int32_t headDim, float* y) {
  const int32_t half = headDim / 2;
  for (int32_t i = 0; i < half; i++) {
    y[i] = x[i] * cos[i] - x[i + half] * sin[i];
    y[i + half] = x[i + half] * cos[i] + x[i] * sin[i];
  }
}

void siluMul(const float* gate, const float* up, int32_t width, float* y) {
  for (int32_t i = 0; i < width; i++) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

void silu(const float* x, int32_t width, float* y) {
  for (int32_t i = 0; i < width; i++) y[i] = x[i] / (1 + std::exp(-x[i]));
}

void add(const float* a, const float* b, int32_t width, float* y) {
  for (int32_t i = 0; i < width; i++) y[i] = a[i] + b[i];
}

float largest(const float* x, int32_t width) {
  float max = x[0];
  for (int32_t i = 1; i < width; i++) max = x[i] > max ? x[i] : max;
  return max;
}

void softmax(const float* x, int32_t width, float* y) {
  const float max = largest(x, width);
  float sum = 0;
  for (int32_t i = 0; i < width; i++) sum += y[i] = std::exp(x[i] - max);
  for (int32_t i = 0; i < width; i++) y[i] /= sum;
}

void logSoftmax(const float* x, int32_t width, float* y) {
  const float max = largest(x, width);
  float sum = 0;
  for (int32_t i = 0; i < width; i++) sum += std::exp(x[i] - max);
  for (int32_t i = 0; i < width; i++) y[i] = x[i] - max - std::log(sum);
}

int32_t argmax(const float* x, int32_t width) {
  int32_t best = 0;
  for (int32_t i = 1; i < width; i++) best = x[i] > x[best] ? i : best;
  return best;
}

void attend(const paceline::Attend& a) {
  for (int32_t query = 0; query < a.queries; query++) {
    const int32_t count = a.shared + a.own[query];
    const auto keyAt = [&](int32_t j) { return j < a.shared ? a.keys[j] : a.ownKeys[query][j - a.shared]; };
    const auto valueAt = [&](int32_t j) { return j < a.shared ? a.values[j] : a.ownValues[query][j - a.shared]; };
    float* scores = a.scores + query * a.scoreStride;
    for (int32_t j = 0; j < count; j++) {
      scores[j] = 0;
      for (int32_t i = 0; i < a.headDim; i++) scores[j] += a.q[query][i] * keyAt(j)[i];
      scores[j] *= a.scale;
    }
    softmax(scores, count, scores);
    for (int32_t i = 0; i < a.headDim; i++) {
      float sum = 0;
      for (int32_t j = 0; j < count; j++) sum += scores[j] * valueAt(j)[i];
      a.out[query][i] = sum;
    }
  }
}

}  // namespace

const paceline::Kernels naiveKernels = {
    "naive", panelBytes, packF32, packInt8, packInt4, quantisedRowBytes, quantiseRow, linear,     rmsNorm,
    rope,    siluMul,    silu,    add,      attend,   argmax,            softmax,     logSoftmax,
};

}  // namespace test
