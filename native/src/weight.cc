#include "weight.h"

#include <algorithm>

namespace paceline {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 26;      // of n and of k
constexpr int64_t kMaxElements = int64_t{1} << 36;  // of n * k
// Of k with int8: sums of products of 8-bit integers then fit 32 bits.
constexpr int64_t kMaxInt8Inputs = int64_t{1} << 17;

}  // namespace

Weight::Weight(const std::string& type, int64_t n, int64_t k, const Kernels* kernels) : kernels_(kernels) {
  if (n < 1 || k < 1 || n > kMaxSize || k > kMaxSize || n > kMaxElements / k || (type == "int8" && k > kMaxInt8Inputs))
    throw argumentError("a weight cannot be [" + std::to_string(n) + ", " + std::to_string(k) + "]");
  n_ = static_cast<int32_t>(n);
  k_ = static_cast<int32_t>(k);
  valueBytes_ = size_t{4} * k_;
  if (type == "vector") {
    vector_ = true;
    data_ = Buffer(valueBytes_ * n_);
    return;
  }
  if (type == "int8") {
    type_ = WeightType::kInt8;
    valueBytes_ = k_;
    scaleBytes_ = sizeof(float);
  } else if (type == "int4") {
    const size_t groups = (size_t{1} * k_ + kGroup - 1) / kGroup;
    type_ = WeightType::kInt4;
    valueBytes_ = groups * (kGroup / 2);
    scaleBytes_ = groups * sizeof(uint16_t);
  } else if (type != "f32") {
    throw argumentError("a weight is f32, int8, int4 or vector, got \"" + type + "\"");
  }
  panelBytes_ = kernels_->panelBytes(type_, k_);
  data_ = Buffer(panelBytes_ * roundUp(n_, kPanel) / kPanel);
}

void Weight::addF32(int64_t rowStart, const float* values, size_t count) {
  checkType(type_ == WeightType::kF32, "addF32");
  if (count % k_ != 0)
    throw argumentError(std::to_string(count) + " values are no whole rows of " + std::to_string(k_));
  const int64_t rows = static_cast<int64_t>(count / k_);
  checkRows(rowStart, rows);
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(values);
  if (vector_) {
    if (count > 0) std::memcpy(data_.data() + filled_ * valueBytes_, bytes, count * sizeof(float));
    filled_ += static_cast<int32_t>(rows);
  } else {
    addRows(bytes, nullptr, static_cast<int32_t>(rows));
  }
}

void Weight::addInt8(const int8_t* values, size_t count, const float* scales, size_t scaleCount, int64_t rowStart,
                     int64_t rows) {
  checkType(type_ == WeightType::kInt8, "add with Int8Array and Float32Array");
  checkRows(rowStart, rows);
  if (count != rows * valueBytes_ || scaleCount != static_cast<size_t>(rows))
    throw argumentError(std::to_string(count) + " values and " + std::to_string(scaleCount) + " scales for " +
                        std::to_string(rows) + " rows of " + std::to_string(k_));
  // Kernels rely on the symmetric range.
  if (std::find(values, values + count, int8_t{-128}) != values + count)
    throw argumentError("an int8 weight lies between -127 and 127, got -128");
  addRows(reinterpret_cast<const uint8_t*>(values), reinterpret_cast<const uint8_t*>(scales),
          static_cast<int32_t>(rows));
}

void Weight::addInt4(const uint8_t* packed, size_t count, const uint16_t* scales, size_t scaleCount, int64_t rowStart,
                     int64_t rows) {
  checkType(type_ == WeightType::kInt4, "add with Uint8Array and Uint16Array");
  checkRows(rowStart, rows);
  if (count != rows * valueBytes_ || scaleCount * sizeof(uint16_t) != rows * scaleBytes_)
    throw argumentError(std::to_string(count) + " bytes and " + std::to_string(scaleCount) + " scales for " +
                        std::to_string(rows) + " rows of " + std::to_string(k_));
  addRows(packed, reinterpret_cast<const uint8_t*>(scales), static_cast<int32_t>(rows));
}

void Weight::checkType(bool right, const char* method) const {
  if (!right) throw argumentError(std::string(method) + " does not fit the type of this weight");
}

void Weight::checkRows(int64_t rowStart, int64_t rows) const {
  if (rowStart != filled_)
    throw argumentError("rows come in order: expected row " + std::to_string(filled_) + ", got " +
                        std::to_string(rowStart));
  if (rows < 0 || rows > n_ - filled_)
    throw argumentError(std::to_string(rows) + " rows after " + std::to_string(filled_) + " of " + std::to_string(n_));
}

void Weight::addRows(const uint8_t* values, const uint8_t* scales, int32_t rows) {
  for (int32_t done = 0; done < rows;) {
    const int32_t pending = filled_ % kPanel;  // rows of this panel that are here already
    const int32_t left = rows - done;
    if (pending == 0 && (left >= kPanel || filled_ + left == n_)) {
      // Whole panels straight from the caller's memory; the weight's last panel may be short.
      const int32_t count = filled_ + left == n_ ? left : left / kPanel * kPanel;
      for (int32_t row = 0; row < count; row += kPanel)
        pack(values + done * valueBytes_, scales + done * scaleBytes_, count, row / kPanel, (filled_ + row) / kPanel);
      filled_ += count;
      done += count;
      continue;
    }
    if (pendingValues_.size() == 0) {
      Buffer room(valueBytes_ * kPanel);
      pendingScales_ = Buffer(scaleBytes_ * kPanel);
      pendingValues_ = std::move(room);
    }
    const int32_t count = std::min(left, kPanel - pending);
    std::memcpy(pendingValues_.data() + pending * valueBytes_, values + done * valueBytes_, count * valueBytes_);
    if (scaleBytes_ != 0)
      std::memcpy(pendingScales_.data() + pending * scaleBytes_, scales + done * scaleBytes_, count * scaleBytes_);
    filled_ += count;
    done += count;
    if (filled_ % kPanel == 0 || filled_ == n_)
      pack(pendingValues_.data(), pendingScales_.data(), pending + count, 0, (filled_ - 1) / kPanel);
  }
  if (complete()) {
    pendingValues_ = Buffer();
    pendingScales_ = Buffer();
  }
}

// Packs panel `panelOfRows` of these rows as the weight's panel `panel`: the layout does not depend on the number.
void Weight::pack(const uint8_t* values, const uint8_t* scales, int32_t rows, int32_t panelOfRows, int32_t panel) {
  uint8_t* out = data_.data() + panel * panelBytes_;
  switch (type_) {
    case WeightType::kF32:
      kernels_->packF32(reinterpret_cast<const float*>(values), rows, k_, panelOfRows, out);
      break;
    case WeightType::kInt8:
      kernels_->packInt8(reinterpret_cast<const int8_t*>(values), reinterpret_cast<const float*>(scales), rows, k_,
                         panelOfRows, out);
      break;
    case WeightType::kInt4:
      kernels_->packInt4(values, reinterpret_cast<const uint16_t*>(scales), rows, k_, panelOfRows, out);
      break;
  }
}

}  // namespace paceline
