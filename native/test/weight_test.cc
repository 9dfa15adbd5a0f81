#include "../src/weight.h"

#include <algorithm>

#include "writer.h"

using namespace test;

int main() {
  promise("a weight filled in any steps is the same weight", [] {
    Random random(4);
    for (const char* type : {"f32", "vector"}) {
      const std::vector<float> values = randomFloats(random, 53 * 7);
      Weight whole(type, 53, 7, &naiveKernels), parts(type, 53, 7, &naiveKernels);
      whole.addF32(0, values.data(), values.size());
      for (int row = 0, rows; row < 53; row += rows) {
        rows = std::min(53 - row, random.below(40));
        parts.addF32(row, values.data() + row * 7, rows * 7);
      }
      CHECK(whole.complete() && parts.complete() && whole.bytes() == parts.bytes());
      CHECK(std::memcmp(whole.linear().data, parts.linear().data, whole.bytes()) == 0);
    }
    std::vector<int8_t> values(53 * 7);
    std::vector<float> scales = randomFloats(random, 53);
    for (int8_t& value : values) value = static_cast<int8_t>(random.below(255) - 127);
    Weight whole("int8", 53, 7, &naiveKernels), parts("int8", 53, 7, &naiveKernels);
    whole.addInt8(values.data(), values.size(), scales.data(), 53, 0, 53);
    for (int row = 0; row < 53; row++) parts.addInt8(&values[row * 7], 7, &scales[row], 1, row, 1);
    CHECK(std::memcmp(whole.linear().data, parts.linear().data, whole.bytes()) == 0);
  });

  promise("a weight refuses rows out of order, too many, or of another type", [] {
    const float x[8] = {};
    const int8_t low[2] = {-128, 0};
    const uint8_t packed[64] = {};
    const uint16_t half[1] = {};
    Weight weight("f32", 4, 2, &naiveKernels), int8("int8", 1, 2, &naiveKernels), int4("int4", 1, 2, &naiveKernels);
    CHECK_ERROR("argument", "expected row 0, got 1", weight.addF32(1, x, 2));
    CHECK_ERROR("argument", "no whole rows", weight.addF32(0, x, 3));
    weight.addF32(0, x, 2);
    CHECK_ERROR("argument", "4 rows after 1 of 4", weight.addF32(1, x, 8));
    CHECK_ERROR("argument", "does not fit the type", weight.addInt8(low, 2, x, 1, 1, 1));
    CHECK_ERROR("argument", "does not fit the type", int8.addF32(0, x, 2));
    CHECK_ERROR("argument", "2 values and 2 scales for 1 rows", int8.addInt8(low, 2, x, 2, 0, 1));
    CHECK_ERROR("argument", "-1 rows", int8.addInt8(low, 2, x, 2, 0, -1));
    CHECK_ERROR("argument", "got -128", int8.addInt8(low, 2, x, 1, 0, 1));
    CHECK_ERROR("argument", "63 bytes", int4.addInt4(packed, 63, half, 1, 0, 1));
    CHECK_ERROR("argument", "0 scales", int4.addInt4(packed, 64, half, 0, 0, 1));
    CHECK_ERROR("argument", "a weight is f32, int8", Weight("f16", 1, 1, &naiveKernels));
    CHECK_ERROR("argument", "[0, 1]", Weight("f32", 0, 1, &naiveKernels));
    CHECK_ERROR("argument", "cannot be", Weight("f32", int64_t{1} << 26, int64_t{1} << 26, &naiveKernels));
  });

  return test::finish();
}
