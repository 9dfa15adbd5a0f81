// Attention of query heads over one key head, included by each kernels_*.cc after kernels_rows.h.
//
// A score sums products over the head's elements as sums over a row do. The softmax's sum adds the key at path index j to
// lane j % 16. A result adds the values' elements in the order of the path, in one chain of fused multiply-adds. Blocks
// of queries, keys and elements only share loads: they have no part in these orders, so a query has the same bits
// whichever others are beside it.
//
// Shared keys are read in blocks that the nearest cache holds: all queries pass over a block while the next one is
// fetched. So many rows over a long context cost little more than one.
#pragma once
#include "kernels_compiler.h"
#include "kernels_rows.h"

namespace paceline {
namespace {

constexpr int32_t kKeyBlock = 32;

inline void fetchRow(const float* row, int32_t headDim) {
  for (int32_t i = 0; i < headDim; i += kLanes) PACELINE_PREFETCH(reinterpret_cast<const char*>(row + i));
}

// scores[q * stride + j] of Q queries and `count` keys; up to 16 at a time. `ahead` names keys that will be needed next.
template <int Q>
void scoreKeys(const Attend& a, int32_t firstQuery, const float* const* keys, int32_t count, float* scores,
               const float* const* ahead) {
  constexpr int K = kLanes / Q;
  for (int32_t first = 0; first < count; first += K) {
    const int32_t valid = count - first < K ? count - first : K;
    const float* block[K];
    for (int j = 0; j < K; j++) block[j] = keys[first + (j < valid ? j : valid - 1)];
    if (ahead) {
      for (int j = 0; j < valid; j++) fetchRow(ahead[first + j], a.headDim);
    }
    Lanes sums[kLanes];
    repeat<kLanes>([&](auto s) PACELINE_LAMBDA { sums[s] = broadcast(0); });
    inLanes(a.headDim, [&](int32_t i, int32_t width) {
      Lanes queries[Q];
      repeat<Q>([&](auto q) PACELINE_LAMBDA { queries[q] = loadUpTo(a.q[firstQuery + q] + i, width); });
      repeat<K>([&](auto j) PACELINE_LAMBDA {
        const Lanes key = loadUpTo(block[j] + i, width);
        repeat<Q>([&](auto q) PACELINE_LAMBDA { sums[q * K + j] = fma(queries[q], key, sums[q * K + j]); });
      });
    });
    float products[kLanes];
    store(products, mul(sumEach(sums), broadcast(a.scale)));
    for (int q = 0; q < Q; q++) {
      for (int32_t j = 0; j < valid; j++) scores[q * a.scoreStride + first + j] = products[q * K + j];
    }
  }
}

// Elements begin .. begin + 16 C of the results of Q queries, the last 16 of them `width`: += weights * values.
template <int Q, int C>
void sumValues(const Attend& a, int32_t firstQuery, const float* const* values, int32_t count, const float* weights,
               int32_t begin, int32_t width, const float* const* ahead) {
  Lanes sums[Q][C];
  repeat<Q>([&](auto q) PACELINE_LAMBDA {
    const float* out = a.out[firstQuery + q] + begin;
    repeat<C>([&](auto c) PACELINE_LAMBDA { sums[q][c] = loadUpTo(out + c * kLanes, c < C - 1 ? kLanes : width); });
  });
  for (int32_t j = 0; j < count; j++) {
    const float* value = values[j] + begin;
    if (ahead) fetchRow(ahead[j], a.headDim);
    Lanes parts[C];
    repeat<C>([&](auto c) PACELINE_LAMBDA { parts[c] = loadUpTo(value + c * kLanes, c < C - 1 ? kLanes : width); });
    repeat<Q>([&](auto q) PACELINE_LAMBDA {
      const Lanes weight = broadcast(weights[q * a.scoreStride + j]);
      repeat<C>([&](auto c) PACELINE_LAMBDA { sums[q][c] = fma(weight, parts[c], sums[q][c]); });
    });
  }
  repeat<Q>([&](auto q) PACELINE_LAMBDA {
    float* out = a.out[firstQuery + q] + begin;
    repeat<C>([&](auto c) PACELINE_LAMBDA { storeUpTo(out + c * kLanes, sums[q][c], c < C - 1 ? kLanes : width); });
  });
}

template <int Q>
void sumValues(const Attend& a, int32_t firstQuery, const float* const* values, int32_t count, const float* weights,
               const float* const* ahead) {
  constexpr int kFitting = kValueLanes / Q, C = kFitting >= 8 ? 8 : kFitting >= 4 ? 4 : kFitting >= 2 ? 2 : 1;
  int32_t begin = 0;
  for (; begin + C * kLanes <= a.headDim; begin += C * kLanes, ahead = nullptr)
    sumValues<Q, C>(a, firstQuery, values, count, weights, begin, kLanes, ahead);
  while (begin < a.headDim) {
    const int32_t left = a.headDim - begin;
    if (C > 2 && left >= 2 * kLanes) {
      sumValues<Q, 2>(a, firstQuery, values, count, weights, begin, kLanes, ahead);
      begin += 2 * kLanes;
    } else {
      sumValues<Q, 1>(a, firstQuery, values, count, weights, begin, left < kLanes ? left : kLanes, ahead);
      begin += kLanes;
    }
    ahead = nullptr;
  }
}

// visit(first, Q) for queries [begin, end), up to four at a time, with Q constant.
template <typename Visit>
void inFours(int32_t begin, int32_t end, const Visit& visit) {
  for (; end - begin >= 4; begin += 4) visit(begin, Index<4>());
  if (end - begin == 3) visit(begin, Index<3>());
  if (end - begin == 2) visit(begin, Index<2>());
  if (end - begin == 1) visit(begin, Index<1>());
}

// visit(query, Q, rows, count, at, ahead) over all paths, their keys or their values: shared ones in blocks, a block for all
// queries; then each row's own. `at` is where `rows` begin on the path; `ahead` the whole block that follows, if any.
template <typename Visit>
void alongPaths(const Attend& a, const float* const* shared, const float* const* const* own, const Visit& visit) {
  for (int32_t at = 0; at < a.shared; at += kKeyBlock) {
    const int32_t left = a.shared - at, count = left < kKeyBlock ? left : kKeyBlock;
    const float* const* ahead = left >= 2 * kKeyBlock ? shared + at + kKeyBlock : nullptr;
    inFours(0, a.queries, [&](int32_t query, auto q) {
      visit(query, q, shared + at, count, at, query == 0 ? ahead : nullptr);
    });
  }
  // Queries of one row have the same keys of their own.
  for (int32_t begin = 0, end; begin < a.queries; begin = end) {
    end = begin + 1;
    while (end < a.queries && own[end] == own[begin] && a.own[end] == a.own[begin]) end++;
    if (a.own[begin] == 0) continue;
    inFours(begin, end, [&](int32_t query, auto q) { visit(query, q, own[query], a.own[query], a.shared, nullptr); });
  }
}

void attend(const Attend& a) {
  using Rows = const float* const*;
  const auto scoresOf = [&](int32_t query) { return a.scores + query * a.scoreStride; };
  alongPaths(a, a.keys, a.ownKeys, [&](int32_t query, auto q, Rows keys, int32_t count, int32_t at, Rows ahead) {
    scoreKeys<q>(a, query, keys, count, scoresOf(query) + at, ahead);
  });
  // The sum of a query's weights waits behind them.
  for (int32_t query = 0; query < a.queries; query++) {
    float* scores = scoresOf(query);
    const int32_t count = a.shared + a.own[query];
    scores[count] = exponentials(scores, count, maximum(scores, count), scores);
    memset(a.out[query], 0, sizeof(float) * a.headDim);
  }
  alongPaths(a, a.values, a.ownValues, [&](int32_t query, auto q, Rows values, int32_t count, int32_t at, Rows ahead) {
    sumValues<q>(a, query, values, count, scoresOf(query) + at, ahead);
  });
  for (int32_t query = 0; query < a.queries; query++) {
    const Lanes sum = broadcast(scoresOf(query)[a.shared + a.own[query]]);
    float* out = a.out[query];
    inLanes(a.headDim, [&](int32_t i, int32_t count) { storeUpTo(out + i, div(loadUpTo(out + i, count), sum), count); });
  }
}

}  // namespace
}  // namespace paceline
