// Parameters in the form that programs read: a packed linear weight, or a vector of plain floats.
#pragma once
#include <string>

#include "kernels.h"
#include "memory.h"

namespace paceline {

// Rows are packed as they arrive, panel by panel: besides the packed form only rows of one unfinished panel are kept.
class Weight {
 public:
  // `type` "f32", "int8", "int4" or "vector". Throws Error for sizes that make no sense or do not fit memory.
  Weight(const std::string& type, int64_t n, int64_t k, const Kernels* kernels);

  // f32 and vector: `count` floats, whole rows [rows, k].
  void addF32(int64_t rowStart, const float* values, size_t count);
  // int8: values [rows, k], scales [rows].
  void addInt8(const int8_t* values, size_t count, const float* scales, size_t scaleCount, int64_t rowStart,
               int64_t rows);
  // int4: packed [rows, groups, 64], scales [rows, groups].
  void addInt4(const uint8_t* packed, size_t count, const uint16_t* scales, size_t scaleCount, int64_t rowStart,
               int64_t rows);

  bool isVector() const { return vector_; }
  bool complete() const { return filled_ == n_; }
  int32_t n() const { return n_; }
  int32_t k() const { return k_; }
  WeightType type() const { return type_; }
  const Kernels* kernels() const { return kernels_; }
  size_t bytes() const { return data_.size(); }
  // Of a vector.
  const float* values() const { return data_.floats(); }
  // Of a linear weight.
  LinearWeight linear() const { return {type_, n_, k_, panelBytes_, data_.data()}; }

 private:
  void checkRows(int64_t rowStart, int64_t rows) const;
  void checkType(bool right, const char* method) const;
  // Takes rows of `valueBytes_` and `scaleBytes_` each.
  void addRows(const uint8_t* values, const uint8_t* scales, int32_t rows);
  void pack(const uint8_t* values, const uint8_t* scales, int32_t rows, int32_t panelOfRows, int32_t panel);

  bool vector_ = false;
  WeightType type_ = WeightType::kF32;
  int32_t n_ = 0, k_ = 0;
  int32_t filled_ = 0;  // rows so far
  const Kernels* kernels_;
  size_t panelBytes_ = 0;
  size_t valueBytes_ = 0, scaleBytes_ = 0;  // of a row as it arrives
  Buffer data_;
  Buffer pendingValues_, pendingScales_;  // rows of a panel that is not full yet
};

}  // namespace paceline
