// The tables against their definition, in plain loops, bit for bit; and a row is a row.
#include "kernels_test.h"

#include <cmath>
#include <limits>

using namespace test;
using paceline::kGroup;
using paceline::kPanel;
using paceline::LinearWeight;

namespace {

int groupsOf(int k) { return (k + kGroup - 1) / kGroup; }

// Finite halves only.
float floatOfHalf(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float magnitude = exponent ? std::ldexp(float(1024 + fraction), exponent - 25) : std::ldexp(float(fraction), -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

// A weight as a caller has it, and what a product with it comes to by definition.
struct Source {
  WeightType type;
  int n, k;
  std::vector<float> dense, scales;
  std::vector<int8_t> bytes;
  std::vector<uint8_t> halves;
  std::vector<uint16_t> halfScales;

  Source(WeightType of, int outputs, int inputs, Random& random) : type(of), n(outputs), k(inputs) {
    if (type == WeightType::kF32) {
      dense.resize(size_t(n) * k);
      for (float& w : dense) w = random.unit() * (random.below(8) ? 1.0f : 100.0f);
    } else if (type == WeightType::kInt8) {
      bytes.resize(size_t(n) * k);
      scales.resize(n);
      for (int8_t& w : bytes) w = int8_t(random.below(4) ? random.below(255) - 127 : random.below(2) * 254 - 127);
      for (float& s : scales) s = std::ldexp(random.unit(), random.below(12) - 10);
    } else {
      // Beyond k, halves are noise: inputs there are zero.
      halves.resize(size_t(n) * groupsOf(k) * kGroup / 2);
      halfScales.resize(size_t(n) * groupsOf(k));
      for (uint8_t& two : halves) two = uint8_t(random.below(4) ? random.next() : random.below(2) * 255);
      for (uint16_t& s : halfScales) s = uint16_t(random.below(0x7c00) | random.below(2) << 15);
    }
  }

  int nibble(int column, int i) const {
    const uint8_t two = halves[(size_t(column) * groupsOf(k) + i / kGroup) * (kGroup / 2) + i % kGroup / 2];
    return (i % 2 ? two >> 4 : two & 15) - 8;
  }

  void multiply(const float* x, float* y) const {
    if (type == WeightType::kF32) {
      for (int c = 0; c < n; c++) {
        float sum = 0;
        for (int i = 0; i < k; i++) sum = std::fmaf(x[i], dense[size_t(c) * k + i], sum);
        y[c] = sum;
      }
      return;
    }
    float largest = 0;
    for (int i = 0; i < k; i++) largest = std::fmax(largest, std::fabs(x[i]));
    const float scale = std::fmax(largest / 127.0f, std::ldexp(1.0f, -126));
    std::vector<int> q(k);
    for (int i = 0; i < k; i++) q[i] = int(std::nearbyint(x[i] / scale));
    for (int c = 0; c < n; c++) {
      if (type == WeightType::kInt8) {
        int64_t sum = 0;
        for (int i = 0; i < k; i++) sum += q[i] * bytes[size_t(c) * k + i];
        const float scaled = float(sum) * scales[c];
        y[c] = scaled * scale;
      } else {
        float total = 0;
        for (int g = 0; g < groupsOf(k); g++) {
          int64_t sum = 0;
          for (int i = g * kGroup; i < k && i < (g + 1) * kGroup; i++) sum += q[i] * nibble(c, i);
          total = std::fmaf(float(sum), floatOfHalf(halfScales[size_t(c) * groupsOf(k) + g]), total);
        }
        y[c] = total * scale;
      }
    }
  }
};

// The same weight as a table has it.
struct Packed {
  Array<uint8_t> data;
  LinearWeight weight;

  Packed(const Kernels& kernels, const Source& source)
      : data(panels(source.n) * kernels.panelBytes(source.type, source.k)),
        weight{source.type, source.n, source.k, kernels.panelBytes(source.type, source.k), data.data()} {
    for (int p = 0; p < panels(source.n); p++) {
      uint8_t* out = data.data() + p * weight.panelBytes;
      std::memset(out, 0xee, weight.panelBytes);
      if (source.type == WeightType::kF32) kernels.packF32(source.dense.data(), source.n, source.k, p, out);
      if (source.type == WeightType::kInt8)
        kernels.packInt8(source.bytes.data(), source.scales.data(), source.n, source.k, p, out);
      if (source.type == WeightType::kInt4)
        kernels.packInt4(source.halves.data(), source.halfScales.data(), source.n, source.k, p, out);
    }
  }
  static int panels(int n) { return (n + kPanel - 1) / kPanel; }
};

// y of `rows` rows of x [rows, k], as the executor computes it, with panels split at random.
std::vector<float> multiply(const Kernels& kernels, const Packed& packed, const std::vector<const float*>& x, Random& random) {
  const LinearWeight& weight = packed.weight;
  const int rows = int(x.size()), n = weight.n, k = weight.k, gap = random.below(3);
  const bool f32 = weight.type == WeightType::kF32;
  const size_t rowBytes = f32 ? k * sizeof(float) : kernels.quantisedRowBytes(weight.type, k);
  const size_t stride = rowBytes + (f32 ? sizeof(float) : 64) * random.below(2);
  Array<uint8_t> input(rows ? (rows - 1) * stride + rowBytes : 0);
  for (int r = 0; r < rows; r++) {
    uint8_t* to = input.data() + r * stride;
    if (f32) {
      std::memcpy(to, x[r], rowBytes);
    } else {
      std::memset(to, 0xee, rowBytes);
      Array<float> exact(k, sizeof(float));
      std::memcpy(exact.data(), x[r], k * sizeof(float));
      kernels.quantiseRow(weight.type, exact.data(), k, to);
    }
  }
  const size_t yStride = n + gap;
  const float untouched = -12345;
  Array<float> y(rows ? (rows - 1) * yStride + n : 0);
  for (size_t i = 0; i < y.size(); i++) y[i] = untouched;
  const int panels = Packed::panels(n);
  for (int begin = 0; begin < panels;) {
    const int end = begin + 1 + random.below(panels - begin);
    kernels.linear(weight, input.data(), stride, rows, y.data(), yStride, begin, end);
    begin = end;
  }
  std::vector<float> result;
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < n; c++) result.push_back(y[r * yStride + c]);
    for (int c = 0; c < gap && r < rows - 1; c++) CHECK(y[r * yStride + n + c] == untouched);
  }
  return result;
}

// Rows that a model may have and some that it should not.
std::vector<float> makeRows(int rows, int k, Random& random) {
  std::vector<float> x(size_t(rows) * k);
  for (int r = 0; r < rows; r++) {
    const int kind = random.below(8);
    for (int i = 0; i < k; i++) {
      float v = random.unit();
      if (kind == 0) v = 0;
      if (kind == 1) v *= 1e30f;
      if (kind == 2) v *= 1e-40f;
      if (kind == 3) v = random.below(2) ? -0.0f : v * 1e-20f;
      if (kind == 4 && random.below(k) == 0) v *= 1e6f;
      if (kind == 5) v = float(random.below(255) - 127) * 0.5f;  // halves: ties of the rounding
      x[size_t(r) * k + i] = v;
    }
  }
  return x;
}

const WeightType kTypes[] = {WeightType::kF32, WeightType::kInt8, WeightType::kInt4};
const char* const kTypeNames[] = {"f32", "int8", "int4"};

void testLinear() {
  const int shapes[][2] = {{1, 1}, {16, 3}, {33, 64}, {40, 100}, {64, 172}, {17, 300}, {128, 128}, {31, 1025}, {70, 7}};
  promiseOfEach("products are what their definition says, bit for bit", [&](const Kernels& kernels) {
    Random random(1);
    for (const auto& shape : shapes) {
      for (WeightType type : kTypes) {
        const int n = shape[0], k = shape[1];
        const Source source(type, n, k, random);
        const Packed packed(kernels, source);
        for (int rows : {0, 1, 2, 5, 13}) {
          const std::vector<float> x = makeRows(rows, k, random);
          std::vector<float> expected(size_t(rows) * n);
          std::vector<const float*> pointers;
          for (int r = 0; r < rows; r++) {
            pointers.push_back(x.data() + size_t(r) * k);
            source.multiply(pointers[r], expected.data() + size_t(r) * n);
          }
          const std::vector<float> y = multiply(kernels, packed, pointers, random);
          if (!sameBits(y.data(), expected.data(), expected.size()))
            fail(__FILE__, __LINE__, std::string(kTypeNames[int(type)]) + " [" + std::to_string(n) + ", " +
                                         std::to_string(k) + "] with " + std::to_string(rows) + " rows");
        }
      }
    }
  });
  promiseOfEach("a row is a row: 1 to 64 rows, in any order, panels in any parts", [&](const Kernels& kernels) {
    Random random(2);
    for (WeightType type : kTypes) {
      for (int k : {172, 300}) {
        const int n = 90;
        const Source source(type, n, k, random);
        const Packed packed(kernels, source);
        const std::vector<float> x = makeRows(64, k, random);
        std::vector<std::vector<float>> alone;
        for (int r = 0; r < 64; r++) alone.push_back(multiply(kernels, packed, {x.data() + size_t(r) * k}, random));
        for (int rows = 1; rows <= 64; rows++) {
          std::vector<int> chosen;
          std::vector<const float*> pointers;
          for (int r = 0; r < rows; r++) {
            chosen.push_back(random.below(64));
            pointers.push_back(x.data() + size_t(chosen[r]) * k);
          }
          const std::vector<float> y = multiply(kernels, packed, pointers, random);
          for (int r = 0; r < rows; r++) CHECK(sameBits(y.data() + size_t(r) * n, alone[chosen[r]].data(), n));
        }
      }
    }
  });
  promiseOfEach("many rows, in blocks", [&](const Kernels& kernels) {
    Random random(3);
    for (WeightType type : kTypes) {
      const int n = 16, k = 6000, rows = 300;
      const Source source(type, n, k, random);
      const Packed packed(kernels, source);
      const std::vector<float> x = makeRows(7, k, random);
      std::vector<const float*> pointers;
      for (int r = 0; r < rows; r++) pointers.push_back(x.data() + size_t(r % 7) * k);
      const std::vector<float> y = multiply(kernels, packed, pointers, random);
      for (int r = 0; r < rows; r++) {
        std::vector<float> expected(n);
        if (r < 7) source.multiply(pointers[r], expected.data());
        CHECK(sameBits(y.data() + size_t(r) * n, r < 7 ? expected.data() : y.data() + size_t(r % 7) * n, n));
      }
    }
  });
  promiseOfEach("NaN and infinity stay in their row and are not hidden", [&](const Kernels& kernels) {
    Random random(4);
    const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity()};
    for (WeightType type : kTypes) {
      const int n = 20, k = 200;
      const Source source(type, n, k, random);
      const Packed packed(kernels, source);
      for (float value : bad) {
        std::vector<float> x = makeRows(9, k, random);
        x[4 * k + 150] = value;
        std::vector<const float*> pointers;
        for (int r = 0; r < 9; r++) pointers.push_back(x.data() + size_t(r) * k);
        const std::vector<float> y = multiply(kernels, packed, pointers, random);
        for (int r = 0; r < 9; r++) {
          std::vector<float> expected(n);
          if (r != 4) source.multiply(pointers[r], expected.data());
          for (int c = 0; c < n; c++) {
            const float v = y[size_t(r) * n + c];
            CHECK(r == 4 ? !std::isfinite(v) : sameBits(&v, &expected[c], 1));
          }
        }
      }
    }
  });
  promiseOfEach("the largest sums are exact", [&](const Kernels& kernels) {
    Random random(5);
    for (int k : {512, 131072}) {
      for (WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
        Source source(type, 2, k, random);
        for (size_t i = 0; i < source.bytes.size(); i++) source.bytes[i] = i < size_t(k) ? 127 : -127;
        for (size_t i = 0; i < source.halves.size(); i++) source.halves[i] = i < source.halves.size() / 2 ? 255 : 0;
        for (uint16_t& s : source.halfScales) s = 0x3c00;
        for (float& s : source.scales) s = 1;
        const Packed packed(kernels, source);
        const std::vector<float> x(k, -3.0f);
        std::vector<float> expected(2);
        source.multiply(x.data(), expected.data());
        const std::vector<float> y = multiply(kernels, packed, {x.data(), x.data(), x.data()}, random);
        for (int r = 0; r < 3; r++) CHECK(sameBits(y.data() + 2 * r, expected.data(), 2));
      }
    }
  });
}

void testChoice() {
  promise("tables are chosen by name, the best one otherwise", [] {
    const char* reason = nullptr;
    for (const Kernels* table : allTables()) CHECK(paceline::chooseKernels(table->name, &reason) == table);
    CHECK(!paceline::chooseKernels("6502", &reason) && reason);
#if defined(__x86_64__)
    reason = nullptr;
    CHECK(!paceline::chooseKernels("neon", &reason) && reason);
#endif
    unsetenv("PACELINE_ISA");
    CHECK(paceline::chooseKernels(nullptr, &reason) == allTables()[0]);
    setenv("PACELINE_ISA", "portable", 1);
    CHECK(std::string(paceline::chooseKernels(nullptr, &reason)->name) == "portable");
    unsetenv("PACELINE_ISA");
  });
}

}  // namespace

// The argument, if any, is the name of the table that this processor should run.
int main(int argc, char** argv) {
  for (const Kernels* table : allTables()) std::printf("table %s\n", table->name);
  if (argc > 1) promise("the best table is the one expected", [&] { CHECK(std::string(argv[1]) == allTables()[0]->name); });
  testChoice();
  testLinear();
  testRows();
  return finish();
}
