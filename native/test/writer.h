// Writes programs for tests: buffers one after another, operations with views over them.
#pragma once
#include <initializer_list>

#include "../src/program.h"
#include "check.h"
#include "naive_kernels.h"

namespace test {

using namespace paceline;

class Writer {
 public:
  Writer() { d.kernels = &naiveKernels; }

  // A buffer of its own.
  View buffer(int32_t width) {
    const View view{static_cast<int32_t>(d.arenaWidth), width, 0};
    d.arenaWidth += width;
    return view;
  }
  static View part(const View& of, int32_t start) { return {of.offset, of.stride, of.start + start}; }

  View input(int32_t width, DType dtype = DType::kF32) {
    const View view = buffer(width);
    push(d.inputs, {view.offset, view.stride, view.start, width, static_cast<int32_t>(dtype)});
    return view;
  }
  // The value as the operations so far leave it.
  int output(const View& view, int32_t width, DType dtype = DType::kF32) {
    push(d.outputs, {view.offset, view.stride, view.start, width, static_cast<int32_t>(dtype), operations_ - 1});
    return static_cast<int>(d.outputs.size() / 6) - 1;
  }
  int32_t constant(float value) {
    d.constants.push_back(value);
    return static_cast<int32_t>(d.constants.size()) - 1;
  }
  int32_t weight(std::shared_ptr<const Weight> weight) {
    d.weights.push_back(std::move(weight));
    return static_cast<int32_t>(d.weights.size()) - 1;
  }
  int32_t cache(int32_t kvHeads, int32_t headDim) {
    push(d.caches, {kvHeads, headDim});
    return static_cast<int32_t>(d.caches.size() / 2) - 1;
  }

  // Numbers and views, one after another.
  struct Operand {
    Operand(int32_t number) : numbers{number} {}
    Operand(const View& view) : numbers{view.offset, view.stride, view.start} {}
    std::vector<int32_t> numbers;
  };
  void op(Opcode opcode, std::initializer_list<Operand> operands) {
    d.ops.push_back(static_cast<int32_t>(opcode));
    for (const Operand& operand : operands) d.ops.insert(d.ops.end(), operand.numbers.begin(), operand.numbers.end());
    operations_++;
  }

  std::shared_ptr<Program> program(int threads = 1) const {
    return std::make_shared<Program>(std::make_shared<Pool>(threads), d);
  }

  ProgramDescription d;

 private:
  static void push(std::vector<int32_t>& to, std::initializer_list<int32_t> numbers) {
    to.insert(to.end(), numbers);
  }
  int32_t operations_ = 0;
};

inline std::shared_ptr<Weight> vectorOf(const std::vector<float>& values) {
  auto weight = std::make_shared<Weight>("vector", static_cast<int64_t>(values.size()), 1, &naiveKernels);
  weight->addF32(0, values.data(), values.size());
  return weight;
}

inline std::vector<float> randomFloats(Random& random, size_t count, float scale = 1) {
  std::vector<float> values(count);
  for (float& value : values) value = scale * random.unit();
  return values;
}

inline std::shared_ptr<Weight> randomWeight(Random& random, const std::string& type, int32_t n, int32_t k) {
  auto weight = std::make_shared<Weight>(type, n, k, &naiveKernels);
  if (type == "int8") {
    std::vector<int8_t> values(size_t{1} * n * k);
    for (int8_t& value : values) value = static_cast<int8_t>(random.below(255) - 127);
    std::vector<float> scales(n, 1 / 300.0f);
    weight->addInt8(values.data(), values.size(), scales.data(), scales.size(), 0, n);
  } else if (type == "int4") {
    const size_t groups = (k + kGroup - 1) / kGroup;
    std::vector<uint8_t> packed(n * groups * 64);
    for (uint8_t& value : packed) value = static_cast<uint8_t>(random.below(256));
    std::vector<uint16_t> scales(n * groups, 40);
    weight->addInt4(packed.data(), packed.size(), scales.data(), scales.size(), 0, n);
  } else {
    const std::vector<float> values = randomFloats(random, size_t{1} * n * k, 0.5f);
    weight->addF32(0, values.data(), values.size());
  }
  return weight;
}

// The outputs of a run; i32 ones as floats.
inline std::vector<std::vector<float>> outputsOf(const Program& program, const std::vector<int64_t>& wanted) {
  std::vector<std::vector<float>> results;
  for (int64_t output : wanted) {
    std::vector<float> floats(program.outputCount(output));
    if (program.outputType(output) == DType::kF32) {
      program.copyOutput(output, floats.data());
    } else {
      std::vector<int32_t> integers(floats.size());
      program.copyOutput(output, integers.data());
      for (size_t i = 0; i < integers.size(); i++) floats[i] = static_cast<float>(integers[i]);
    }
    results.push_back(std::move(floats));
  }
  return results;
}

}  // namespace test
