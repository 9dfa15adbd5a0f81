// A small decoder with every operation in it.
#pragma once
#include <algorithm>

#include "writer.h"

namespace test {

struct DecoderShape {
  int32_t width = 16, heads = 4, kvHeads = 2, headDim = 6, mlp = 20, vocab = 50, topK = 5;
  std::vector<int32_t> windows = {-1, 3};  // one per layer
  const char* precision = "int8";
};

// Inputs: x [width], positions. Outputs: features, logits, argmax, top-k values, top-k indices, softmax, log-softmax.
inline Writer decoder(const DecoderShape& s, uint64_t seed = 1) {
  Random random(seed);
  Writer w;
  const int32_t q = s.heads * s.headDim, kv = s.kvHeads * s.headDim;
  View x = w.input(s.width);
  w.input(1, DType::kI32);
  std::vector<double> frequencies;
  for (int32_t i = 0; i < s.headDim / 2; i++) frequencies.push_back(1.0 / (i + 1));
  w.d.tables.push_back({frequencies, 1.25, 1});
  const auto weight = [&](int32_t n, int32_t k) { return w.weight(randomWeight(random, s.precision, n, k)); };
  const auto vector = [&](int32_t n) { return w.weight(vectorOf(randomFloats(random, n))); };
  const int32_t eps = w.constant(1e-5f), scale = w.constant(0.4f);
  const View normed = w.buffer(s.width), joined = w.buffer(q + 2 * kv), turned = w.buffer(q + kv), mixed = w.buffer(q);
  const View projected = w.buffer(s.width), gateUp = w.buffer(2 * s.mlp), activated = w.buffer(s.mlp);
  const View keys = Writer::part(joined, q), values = Writer::part(joined, q + kv);
  const View turnedKeys = Writer::part(turned, q);
  for (int32_t window : s.windows) {
    w.op(Opcode::kRmsNorm, {x, normed, vector(s.width), s.width, 1, eps});
    w.op(Opcode::kLinear, {normed, joined, weight(q + 2 * kv, s.width), vector(q + 2 * kv)});
    w.op(Opcode::kRmsNorm, {joined, turned, vector(s.headDim), s.headDim, s.heads, eps});  // of the queries' heads
    const View normedQueries = w.buffer(q);
    w.op(Opcode::kAdd, {turned, joined, normedQueries, q});
    w.op(Opcode::kRope, {normedQueries, turned, s.heads, s.headDim, 0});
    w.op(Opcode::kRope, {keys, turnedKeys, s.kvHeads, s.headDim, 0});
    w.op(Opcode::kAttention, {turned, turnedKeys, values, mixed, w.cache(s.kvHeads, s.headDim), s.heads, s.kvHeads,
                              s.headDim, scale, window});
    w.op(Opcode::kLinear, {mixed, projected, weight(s.width, q), -1});
    w.op(Opcode::kAdd, {x, projected, x, s.width});
    w.op(Opcode::kRmsNorm, {x, normed, vector(s.width), s.width, 1, eps});
    // Gate and up as two products of one input: quantised once.
    w.op(Opcode::kLinear, {normed, View{gateUp.offset, gateUp.stride, 0}, weight(s.mlp, s.width), -1});
    w.op(Opcode::kLinear, {normed, Writer::part(gateUp, s.mlp), weight(s.mlp, s.width), -1});
    w.op(Opcode::kSiluMul, {gateUp, Writer::part(gateUp, s.mlp), activated, s.mlp});
    w.op(Opcode::kLinear, {activated, projected, weight(s.width, s.mlp), vector(s.width)});
    w.op(Opcode::kAdd, {x, projected, x, s.width});
  }
  const View features = w.buffer(s.width), logits = w.buffer(s.vocab), best = w.buffer(1), top = w.buffer(s.topK);
  const View topIndices = w.buffer(s.topK), p = w.buffer(s.vocab), logP = w.buffer(s.vocab);
  w.op(Opcode::kRmsNorm, {x, features, vector(s.width), s.width, 1, eps});
  w.output(features, s.width);
  w.op(Opcode::kLinear, {features, logits, weight(s.vocab, s.width), -1});
  w.output(logits, s.vocab);
  w.op(Opcode::kArgmax, {logits, best, s.vocab});
  w.output(best, 1, DType::kI32);
  w.op(Opcode::kTopK, {logits, top, topIndices, s.vocab, s.topK});
  w.output(top, s.topK);
  w.output(topIndices, s.topK, DType::kI32);
  w.op(Opcode::kSoftmax, {logits, p, s.vocab});
  w.output(p, s.vocab);
  w.op(Opcode::kLogSoftmax, {logits, logP, s.vocab});
  w.output(logP, s.vocab);
  return w;
}

inline const std::vector<int64_t> allOutputs = {0, 1, 2, 3, 4, 5, 6};

// One run of a decoder behind `held` rows of earlier ones; every output.
inline std::vector<std::vector<float>> runDecoder(Program& program, Cache& cache, const std::vector<float>& x,
                                                  const std::vector<int32_t>& parents,
                                                  const std::vector<int64_t>& wanted = allOutputs, int32_t held = 0) {
  std::vector<int32_t> all(cache.waiting().begin(), cache.waiting().begin() + held), positions;
  all.insert(all.end(), parents.begin(), parents.end());
  for (int32_t parent : all) positions.push_back(parent < 0 ? cache.length() : positions[parent] + 1);
  program.run(static_cast<int64_t>(parents.size()),
              {{DType::kF32, x.data(), x.size()}, {DType::kI32, positions.data() + held, parents.size()}}, &cache,
              parents.data(), parents.size(), wanted, held);
  return outputsOf(program, wanted);
}

// Parents of a random tree; mostly deep, as trees of guesses are.
inline std::vector<int32_t> randomTree(Random& random, int rows) {
  std::vector<int32_t> parents;
  for (int row = 0; row < rows; row++) {
    const int shape = random.below(4);
    parents.push_back(shape == 0 ? random.below(row + 1) - 1 : shape == 1 ? std::max(-1, row - 2) : row - 1);
  }
  return parents;
}

inline std::vector<int32_t> pathTo(const std::vector<int32_t>& parents, int32_t row) {
  std::vector<int32_t> path;
  for (; row >= 0; row = parents[row]) path.insert(path.begin(), row);
  return path;
}

}  // namespace test
