#include "../src/program.h"

#include <algorithm>
#include <cmath>

#include "../src/topk.h"
#include "decoder.h"

using namespace test;

namespace {

std::vector<int32_t> chain(int rows) {
  std::vector<int32_t> parents;
  for (int row = 0; row < rows; row++) parents.push_back(row - 1);
  return parents;
}

std::vector<float> slice(const std::vector<float>& rows, size_t row, size_t count) {
  return {rows.begin() + row * count, rows.begin() + (row + 1) * count};
}

// Every row of every output equals that of decoding its path one row at a time.
void checkTreesEqualSteps(const DecoderShape& shape, int threads, int maxRows, uint64_t seed) {
  Random random(seed);
  const Writer writer = decoder(shape, seed);
  const auto program = writer.program(threads), single = writer.program(1);
  Cache cache(program->caches(), 500), steps(program->caches(), 500);
  for (int round = 0; round < 6; round++) {
    const int rows = 1 + random.below(maxRows);
    const std::vector<int32_t> parents = randomTree(random, rows);
    const std::vector<float> x = randomFloats(random, size_t{1} * rows * shape.width);
    const auto outputs = runDecoder(*program, cache, x, parents);
    for (int row = 0; row < rows; row++) {
      const std::vector<int32_t> path = pathTo(parents, row);
      std::vector<std::vector<float>> alone;
      const int32_t first = 0;
      for (int32_t r : path) {
        alone = runDecoder(*single, steps, slice(x, r, shape.width), {-1});
        steps.commit(&first, 1);
      }
      for (size_t output = 0; output < outputs.size(); output++)
        CHECK(slice(outputs[output], row, alone[output].size()) == alone[output]);
      steps.truncate(cache.length());
    }
    const std::vector<int32_t> accepted = pathTo(parents, random.below(rows));
    cache.commit(accepted.data(), accepted.size());
    const int32_t first = 0;
    for (int32_t r : accepted) {
      runDecoder(*single, steps, slice(x, r, shape.width), {-1});
      steps.commit(&first, 1);
    }
  }
}

// Runs one operation over `inputs` and returns its outputs.
std::vector<std::vector<float>> runOp(Opcode opcode, int rows, const std::vector<std::vector<float>>& inputs,
                                      const std::vector<int32_t>& outputWidths, const std::vector<int32_t>& rest,
                                      Writer writer = Writer()) {
  std::vector<int32_t> operands;
  std::vector<RunInput> data;
  const auto add = [&](const View& view) { operands.insert(operands.end(), {view.offset, view.stride, view.start}); };
  writer.buffer(3);
  for (const std::vector<float>& input : inputs) {
    add(writer.input(static_cast<int32_t>(input.size()) / rows));
    data.push_back({DType::kF32, input.data(), input.size()});
  }
  std::vector<View> views;
  for (int32_t width : outputWidths) {
    const View wide = writer.buffer(width + 2);
    views.push_back(Writer::part(wide, 1));
    add(views.back());
  }
  operands.insert(operands.end(), rest.begin(), rest.end());
  writer.d.ops.push_back(static_cast<int32_t>(opcode));
  writer.d.ops.insert(writer.d.ops.end(), operands.begin(), operands.end());
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < views.size(); i++) {
    const bool integers = opcode == Opcode::kArgmax || (opcode == Opcode::kTopK && i == 1);
    const int32_t numbers[] = {views[i].offset, views[i].stride, views[i].start, outputWidths[i], integers, 0};
    writer.d.outputs.insert(writer.d.outputs.end(), numbers, numbers + 6);
    wanted.push_back(static_cast<int64_t>(i));
  }
  const auto program = writer.program(2);
  program->run(rows, data, nullptr, nullptr, 0, wanted);
  return outputsOf(*program, wanted);
}

bool close(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!(std::abs(a[i] - b[i]) < 1e-4f)) return false;
  return true;
}

}  // namespace

int main() {
  promise("a tree row equals plain decoding, bit for bit, for any threads, precision, window and sharing of heads", [] {
    uint64_t seed = 1;
    for (const char* precision : {"f32", "int8", "int4"}) {
      for (int threads : {1, 2, 3, 7}) {
        DecoderShape shape;
        shape.precision = precision;
        checkTreesEqualSteps(shape, threads, 20, seed++);
        shape.kvHeads = threads % 2 ? 4 : 1;
        shape.windows = {2, 1, -1, 17};
        checkTreesEqualSteps(shape, threads, 12, seed++);
      }
    }
  });

  promise("a long prompt in one run equals it row by row", [] {
    DecoderShape shape;
    Random random(5);
    const Writer writer = decoder(shape);
    const auto program = writer.program(3), single = writer.program(1);
    Cache cache(program->caches(), 700), steps(program->caches(), 700);
    const int rows = 600;
    const std::vector<float> x = randomFloats(random, size_t{1} * rows * shape.width);
    const auto outputs = runDecoder(*program, cache, x, chain(rows));
    const int32_t first = 0;
    for (int row = 0; row < rows; row++) {
      const auto alone = runDecoder(*single, steps, slice(x, row, shape.width), {-1});
      steps.commit(&first, 1);
      CHECK(slice(outputs[1], row, shape.vocab) == alone[1]);
    }
  });

  promise("outputs are the same whichever are wanted, and a run may stop early but leaves the cache whole", [] {
    const DecoderShape shape;
    Random random(3);
    const Writer writer = decoder(shape);
    const auto program = writer.program(2);
    const std::vector<float> x = randomFloats(random, 3 * 16), y = randomFloats(random, 16);
    const std::vector<int32_t> path = {0, 1, 2};
    std::vector<std::vector<float>> after[2];
    std::vector<std::vector<float>> all;
    for (int i = 0; i < 2; i++) {
      Cache cache(program->caches(), 10);
      if (i == 0) {
        all = runDecoder(*program, cache, x, chain(3));
      } else {
        runDecoder(*program, cache, x, chain(3), {});
      }
      cache.commit(path.data(), 3);
      after[i] = runDecoder(*program, cache, y, {-1});
    }
    CHECK(after[0] == after[1]);
    for (int64_t output : allOutputs) {
      Cache cache(program->caches(), 10);
      CHECK(runDecoder(*program, cache, x, chain(3), {output})[0] == all[output]);
    }
  });

  promise("operations compute what their kernels do, for every row, group and head", [] {
    const std::vector<float> x = {3, 4, 6, 8, -1, 1, 0, 2};  // two rows of four
    Writer norm;
    norm.weight(vectorOf({1, 10}));
    norm.constant(0.5f);
    const auto n = [](float a, float mean) { return a / std::sqrt(mean + 0.5f); };
    CHECK(close(runOp(Opcode::kRmsNorm, 2, {x}, {4}, {0, 2, 2, 0}, norm)[0],
                {n(3, 12.5), n(40, 12.5), n(6, 50), n(80, 50), n(-1, 1), n(10, 1), 0, n(20, 2)}));
    CHECK(close(runOp(Opcode::kAdd, 2, {x, x}, {4}, {4})[0], {6, 8, 12, 16, -2, 2, 0, 4}));
    CHECK(close(runOp(Opcode::kSiluMul, 2, {{0, std::log(3.0f)}, {5, 4}}, {1}, {1})[0], {0, 3 * std::log(3.0f)}));
    CHECK(close(runOp(Opcode::kSilu, 2, {{0, std::log(3.0f)}}, {1}, {1})[0], {0, 0.75f * std::log(3.0f)}));
    CHECK((runOp(Opcode::kArgmax, 2, {x}, {1}, {4})[0] == std::vector<float>{3, 3}));
    const auto top = runOp(Opcode::kTopK, 2, {{1, 7, 0, 7, 5, 5, 9, -1}}, {3, 3}, {4, 3});
    CHECK((top[0] == std::vector<float>{7, 7, 1, 9, 5, 5}));
    CHECK((top[1] == std::vector<float>{1, 3, 0, 2, 0, 1}));
    CHECK(close(runOp(Opcode::kSoftmax, 2, {{0, std::log(3.0f), 1, 1}}, {2}, {2})[0], {0.25f, 0.75f, 0.5f, 0.5f}));
    CHECK(close(runOp(Opcode::kLogSoftmax, 1, {{1, 1}}, {2}, {2})[0], {std::log(0.5f), std::log(0.5f)}));
    Writer linear;
    auto weight = std::make_shared<Weight>("f32", 3, 2, &naiveKernels);
    const float w[] = {1, 0, 0, 10, 1, -1};
    weight->addF32(0, w, 6);
    linear.weight(weight);
    linear.weight(vectorOf({100, 200, 300}));
    CHECK(close(runOp(Opcode::kLinear, 2, {{1, 2, 3, 4}}, {3}, {0, 1}, linear)[0], {101, 220, 299, 103, 240, 299}));
  });

  promise("quantised rows serve the next product of the same view, and no other", [] {
    Random random(8);
    Writer w;
    const View x = w.input(8), y = w.input(4);
    const int32_t weight = w.weight(randomWeight(random, "int8", 16, 4));
    std::vector<View> outs;
    const auto linear = [&](const View& view) {
      outs.push_back(w.buffer(16));
      w.op(Opcode::kLinear, {view, outs.back(), weight, -1});
      w.output(outs.back(), 16);
    };
    linear(x);
    linear(x);
    linear(Writer::part(x, 4));
    linear(x);
    w.op(Opcode::kAdd, {x, y, x, 4});
    linear(x);
    const auto program = w.program(2);
    const std::vector<float> xs = {1, 2, 3, 4, 5, 6, 7, 8}, ys = {1, -1, 1, -1};
    program->run(1, {{DType::kF32, xs.data(), 8}, {DType::kF32, ys.data(), 4}}, nullptr, nullptr, 0, {0, 1, 2, 3, 4});
    const auto outputs = outputsOf(*program, {0, 1, 2, 3, 4});
    // What each product should have seen.
    const std::vector<std::vector<float>> seen = {{1, 2, 3, 4}, {1, 2, 3, 4}, {5, 6, 7, 8}, {1, 2, 3, 4}, {2, 1, 4, 3}};
    for (size_t i = 0; i < seen.size(); i++) {
      Writer alone;
      alone.weight(w.d.weights[weight]);
      CHECK(runOp(Opcode::kLinear, 1, {seen[i]}, {16}, {0, -1}, alone)[0] == outputs[i]);
    }
  });

  promise("rope turns by position times frequency; rows may share positions", [] {
    Writer writer;
    const View x = writer.input(8), positions = writer.input(1, DType::kI32), out = writer.buffer(8);
    (void)positions;
    writer.d.tables.push_back({{M_PI / 2, M_PI}, 10, 1});
    writer.op(Opcode::kRope, {x, out, 2, 4, 0});
    writer.output(out, 8);
    const auto program = writer.program(2);
    std::vector<float> rows;
    for (int i = 0; i < 5; i++) rows.insert(rows.end(), {1, 2, 0, 0, 0, 0, 1, 2});
    const std::vector<int32_t> at = {1, 1, 0, 1, 4};
    program->run(5, {{DType::kF32, rows.data(), rows.size()}, {DType::kI32, at.data(), at.size()}}, nullptr, nullptr, 0,
                 {0});
    const std::vector<float> result = outputsOf(*program, {0})[0];
    for (size_t row = 0; row < 5; row++) {
      const std::vector<float> still = {10, 20, 0, 0, 0, 0, 10, 20}, turned = {0, -20, 10, 0, -10, 0, 0, -20};
      CHECK(close(slice(result, row, 8), at[row] == 1 ? turned : still));
    }
  });

  promise("top-k agrees with sorting, also with equal and missing values", [] {
    Random random(9);
    for (int trial = 0; trial < 1500; trial++) {
      // Short rows, and long ones of which most is sorted out first: of few distinct values, of many, with both zeros.
      const int width = trial % 3 == 0 ? 1 + random.below(60) : 200 + random.below(20000);
      const int k = 1 + random.below(trial % 3 == 0 ? width : 1 + random.below(130));
      const int distinct = trial % 2 == 0 ? 12 : 1 << 20, missing = trial % 5 == 0 ? 2 : 9;
      std::vector<float> x;
      for (int i = 0; i < width; i++) {
        const float value = static_cast<float>(random.below(distinct)) - 5;
        x.push_back(random.below(missing) == 0 ? NAN : value == 0 && i % 2 ? -0.0f : value);
      }
      if (trial % 7 == 0) std::fill(x.begin() + width / 50, x.end(), trial % 2 ? NAN : -INFINITY);
      std::vector<int32_t> order(width), indices(k);
      for (int i = 0; i < width; i++) order[i] = i;
      std::sort(order.begin(), order.end(), [&](int a, int b) { return ranksBefore(x[a], a, x[b], b); });
      std::vector<float> values(k);
      topK(x.data(), width, k, values.data(), indices.data());
      order.resize(k);
      CHECK(indices == order);
      for (int i = 0; i < k; i++)
        CHECK(std::isnan(x[order[i]]) ? std::isnan(values[i])
                                      : values[i] == x[order[i]] && std::signbit(values[i]) == std::signbit(x[order[i]]));
    }
  });

  promise("a program that breaks a rule is refused in words", [] {
    const auto refuse = [](const char* part, void (*spoil)(Writer&)) {
      Writer writer;
      const View in = writer.input(4), out = writer.buffer(4), head = writer.buffer(8);
      writer.weight(vectorOf({1, 2, 3, 4}));
      writer.weight(std::make_shared<Weight>("f32", 4, 4, &naiveKernels));
      Random random(1);
      writer.weight(randomWeight(random, "int8", 8, 4));
      writer.constant(1);
      writer.cache(1, 4);
      writer.op(Opcode::kRmsNorm, {in, out, 0, 4, 1, 0});
      writer.output(out, 4);
      (void)head;
      writer.program();
      spoil(writer);
      CHECK_ERROR("argument", part, writer.program());
    };
    refuse("operation 1: opcode 11", [](Writer& w) { w.d.ops.push_back(11); });
    refuse("operation 1: opcode -1", [](Writer& w) { w.d.ops.push_back(-1); });
    refuse("operation 1: ADD: operands end after 3", [](Writer& w) { w.d.ops.insert(w.d.ops.end(), {5, 0, 4}); });
    refuse("RMSNORM: view (0, 4, 1) of width 4", [](Writer& w) { w.d.ops[3] = 1; });
    refuse("RMSNORM: view (-1, 4, 0)", [](Writer& w) { w.d.ops[1] = -1; });
    refuse("RMSNORM: view (2147483647, 4, 0)", [](Writer& w) { w.d.ops[1] = INT32_MAX; });
    refuse("RMSNORM: view (0, 2147483647, 0)", [](Writer& w) { w.d.ops[2] = INT32_MAX; });
    refuse("RMSNORM: writes what it reads", [](Writer& w) { w.d.ops[4] = 0; });
    refuse("RMSNORM: writes what it reads", [](Writer& w) { w.d.ops[4] = 2; });
    refuse("RMSNORM: weight 3", [](Writer& w) { w.d.ops[7] = 3; });
    refuse("RMSNORM: expected a vector, weight 2", [](Writer& w) { w.d.ops[7] = 2; });
    refuse("RMSNORM: expected 2 values, weight 0", [](Writer& w) { w.d.ops[8] = 2; });
    refuse("RMSNORM: width 0", [](Writer& w) { w.d.ops[8] = 0; });
    refuse("RMSNORM: groups 0", [](Writer& w) { w.d.ops[9] = 0; });
    refuse("of width 8589934588", [](Writer& w) { w.d.ops[9] = INT32_MAX; });
    refuse("RMSNORM: constant -1", [](Writer& w) { w.d.ops[10] = -1; });
    refuse("LINEAR: rows are missing in weight 1", [](Writer& w) {
      w.op(Opcode::kLinear, {View{0, 4, 0}, View{4, 4, 0}, 1, -1});
    });
    refuse("LINEAR: expected no vector, weight 0", [](Writer& w) {
      w.op(Opcode::kLinear, {View{0, 4, 0}, View{4, 4, 0}, 0, -1});
    });
    refuse("LINEAR: expected 8 values, weight 0", [](Writer& w) {
      w.op(Opcode::kLinear, {View{0, 4, 0}, View{8, 8, 0}, 2, 0});
    });
    refuse("LINEAR: bias -2", [](Writer& w) { w.op(Opcode::kLinear, {View{0, 4, 0}, View{8, 8, 0}, 2, -2}); });
    refuse("LINEAR: writes what it reads", [](Writer& w) {
      w.op(Opcode::kLinear, {View{8, 8, 0}, View{8, 8, 0}, 2, -1});
    });
    refuse("TOPK: k 5", [](Writer& w) { w.op(Opcode::kTopK, {View{0, 4, 0}, View{4, 4, 0}, View{8, 8, 0}, 4, 5}); });
    refuse("TOPK: its outputs overlap", [](Writer& w) {
      w.op(Opcode::kTopK, {View{0, 4, 0}, View{4, 4, 0}, View{4, 4, 1}, 4, 2});
    });
    refuse("ADD: writes what it reads", [](Writer& w) {
      w.op(Opcode::kAdd, {View{0, 4, 0}, View{0, 4, 2}, View{0, 4, 1}, 2});
    });
    refuse("ROPE: table 0", [](Writer& w) { w.op(Opcode::kRope, {View{0, 4, 0}, View{4, 4, 0}, 1, 4, 0}); });
    refuse("ATTENTION: 3 heads do not share evenly kvHeads 2", [](Writer& w) {
      w.op(Opcode::kAttention, {View{0, 4, 0}, View{0, 4, 0}, View{0, 4, 0}, View{4, 4, 0}, 0, 3, 2, 1, 0, -1});
    });
    refuse("ATTENTION: kvHeads or headDim differ from those of cache 0", [](Writer& w) {
      w.op(Opcode::kAttention, {View{0, 4, 0}, View{0, 4, 0}, View{0, 4, 0}, View{4, 4, 0}, 0, 2, 2, 2, 0, -1});
    });
    refuse("ATTENTION: window 0", [](Writer& w) {
      w.op(Opcode::kAttention, {View{0, 4, 0}, View{0, 4, 0}, View{0, 4, 0}, View{4, 4, 0}, 0, 1, 1, 4, 0, 0});
    });
    refuse("ATTENTION: a second use of cache 0", [](Writer& w) {
      for (int i = 0; i < 2; i++)
        w.op(Opcode::kAttention, {View{0, 4, 0}, View{0, 4, 0}, View{0, 4, 0}, View{4, 4, 0}, 0, 1, 1, 4, 0, -1});
    });
    refuse("an arena is", [](Writer& w) { w.d.arenaWidth = 0; });
    refuse("an arena is", [](Writer& w) { w.d.arenaWidth = int64_t{1} << 40; });
    refuse("inputs: 6 numbers", [](Writer& w) { w.d.inputs.push_back(0); });
    refuse("input 0: dtype 2", [](Writer& w) { w.d.inputs[4] = 2; });
    refuse("input 1: overlaps input 0", [](Writer& w) { w.d.inputs.insert(w.d.inputs.end(), {1, 5, 0, 1, 0}); });
    refuse("output 0: lastOp 1", [](Writer& w) { w.d.outputs[5] = 1; });
    refuse("output 0: lastOp -2", [](Writer& w) { w.d.outputs[5] = -2; });
    refuse("caches: 3 numbers", [](Writer& w) { w.d.caches.push_back(1); });
    refuse("caches: headDim 0", [](Writer& w) { w.d.caches[1] = 0; });
    refuse("table 0: input 7", [](Writer& w) { w.d.tables.push_back({{1}, 1, 7}); });
    refuse("table 0: expected one i32 per row, input 0", [](Writer& w) { w.d.tables.push_back({{1}, 1, 0}); });
    refuse("table 0: frequencies 0", [](Writer& w) { w.d.tables.push_back({{}, 1, 0}); });
  });

  promise("a run with arguments that do not fit is refused in words, and changes nothing", [] {
    const Writer writer = decoder(DecoderShape());
    const auto program = writer.program(2);
    Cache cache(program->caches(), 4), other({{1, 1}}, 4);
    const std::vector<float> x(5 * 16);
    const std::vector<int32_t> positions(5), parents = {-1, 0, 0, 2, 3};
    const auto run = [&](int64_t rows, size_t xs, Cache* with, std::vector<int32_t> over, std::vector<int64_t> wanted) {
      const size_t count = static_cast<size_t>(rows);
      program->run(rows, {{DType::kF32, x.data(), xs}, {DType::kI32, positions.data(), count}}, with, over.data(),
                   over.size(), wanted);
    };
    run(2, 32, &cache, {-1, 0}, {0});
    CHECK_ERROR("argument", "1 to 4096 rows, got 0", run(0, 0, &cache, {}, {0}));
    CHECK_ERROR("argument", "1 to 4096 rows, got 4097", run(4097, 4097 * 16, &cache, {}, {0}));
    CHECK_ERROR("argument", "input 0: expected f32 [2, 16], got 31 elements of f32", run(2, 31, &cache, {-1, 0}, {0}));
    CHECK_ERROR("argument", "there is no output 7", run(2, 32, &cache, {-1, 0}, {7}));
    CHECK_ERROR("argument", "there is no output -1", run(2, 32, &cache, {-1, 0}, {-1}));
    CHECK_ERROR("argument", "needs a cache", run(2, 32, nullptr, {-1, 0}, {0}));
    CHECK_ERROR("argument", "made for another program", run(2, 32, &other, {-1, 0}, {0}));
    CHECK_ERROR("argument", "1 parents for 2 rows", run(2, 32, &cache, {-1}, {0}));
    CHECK_ERROR("argument", "row 1 has parent 1", run(2, 32, &cache, {-1, 1}, {0}));
    CHECK_ERROR("argument", "row 0 has parent -2", run(2, 32, &cache, {-2, 0}, {0}));
    CHECK_ERROR("context", "5 rows after 0 positions", run(5, 80, &cache, parents, {0}));
    CHECK_ERROR("argument", "expected 2 inputs, got 0", program->run(1, {}, &cache, parents.data(), 1, {}));
    const std::vector<RunInput> integers(2, {DType::kI32, positions.data(), 1});
    CHECK_ERROR("argument", "got 1 elements of i32", program->run(1, integers, &cache, parents.data(), 1, {}));
    const int32_t path[] = {0, 1};
    cache.commit(path, 2);  // of the run that was right
  });

  return test::finish();
}
