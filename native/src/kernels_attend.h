// Attention of some query heads over one key head, included by each kernels_*.cc after kernels_rows.h.
//
// A score sums products over the head's elements as sums over a row do. The softmax's sum adds the key at path index j to
// lane j % 16. A result adds the values' elements in the order of the path, in one chain of fused multiply-adds. Blocks
// of queries, keys and elements only share loads: they have no part in these orders.
#pragma once
#include "kernels_rows.h"

namespace paceline {
namespace {

struct Heads {
  const float* q;
  size_t queryStride;
  const float* const* keys;
  const float* const* values;
  int32_t count, headDim;
  float scale;
  float* scores;  // [queries, count]
  float* sums;    // [queries]
  float* out;
  size_t outStride;
};

// Up to 16 scores at a time: of K keys for Q queries.
template <int Q>
void scoreKeys(const Heads& h) {
  constexpr int K = kLanes / Q;
  for (int32_t first = 0; first < h.count; first += K) {
    const int32_t valid = h.count - first < K ? h.count - first : K;
    const float* keys[K];
    for (int j = 0; j < K; j++) keys[j] = h.keys[first + (j < valid ? j : valid - 1)];
    Lanes sums[kLanes];
    repeat<kLanes>([&](auto s) PACELINE_LAMBDA { sums[s] = broadcast(0); });
    inLanes(h.headDim, [&](int32_t i, int32_t width) {
      Lanes queries[Q];
      repeat<Q>([&](auto q) PACELINE_LAMBDA { queries[q] = loadUpTo(h.q + q * h.queryStride + i, width); });
      repeat<K>([&](auto j) PACELINE_LAMBDA {
        const Lanes key = loadUpTo(keys[j] + i, width);
        repeat<Q>([&](auto q) PACELINE_LAMBDA { sums[q * K + j] = fma(queries[q], key, sums[q * K + j]); });
      });
    });
    float scores[kLanes];
    store(scores, mul(sumEach(sums), broadcast(h.scale)));
    for (int q = 0; q < Q; q++) {
      for (int32_t j = 0; j < valid; j++) h.scores[size_t(q) * h.count + first + j] = scores[q * K + j];
    }
  }
}

// Elements begin .. begin + 16 C of the results of Q queries; the last 16 may be fewer (`width`).
template <int Q, int C>
void sumValues(const Heads& h, int32_t begin, int32_t width) {
  Lanes sums[Q][C];
  repeat<Q>([&](auto q) PACELINE_LAMBDA {
    repeat<C>([&](auto c) PACELINE_LAMBDA { sums[q][c] = broadcast(0); });
  });
  for (int32_t j = 0; j < h.count; j++) {
    const float* value = h.values[j] + begin;
    Lanes parts[C];
    repeat<C>([&](auto c) PACELINE_LAMBDA { parts[c] = c < C - 1 ? load(value + c * kLanes) : loadUpTo(value + c * kLanes, width); });
    repeat<Q>([&](auto q) PACELINE_LAMBDA {
      const Lanes weight = broadcast(h.scores[size_t(q) * h.count + j]);
      repeat<C>([&](auto c) PACELINE_LAMBDA { sums[q][c] = fma(weight, parts[c], sums[q][c]); });
    });
  }
  repeat<Q>([&](auto q) PACELINE_LAMBDA {
    const Lanes all = broadcast(h.sums[q]);
    float* out = h.out + q * h.outStride + begin;
    repeat<C>([&](auto c) PACELINE_LAMBDA { storeUpTo(out + c * kLanes, div(sums[q][c], all), c < C - 1 ? kLanes : width); });
  });
}

template <int Q>
void attendQueries(const Heads& h) {
  scoreKeys<Q>(h);
  for (int q = 0; q < Q; q++) {
    float* scores = h.scores + size_t(q) * h.count;
    h.sums[q] = exponentials(scores, h.count, maximum(scores, h.count), scores);
  }
  constexpr int kFitting = kValueLanes / Q, C = kFitting >= 8 ? 8 : kFitting >= 4 ? 4 : kFitting >= 2 ? 2 : 1;
  int32_t begin = 0;
  for (; begin + C * kLanes <= h.headDim; begin += C * kLanes) sumValues<Q, C>(h, begin, kLanes);
  while (begin < h.headDim) {
    const int32_t left = h.headDim - begin;
    if (C > 2 && left >= 2 * kLanes) {
      sumValues<Q, 2>(h, begin, kLanes);
      begin += 2 * kLanes;
    } else {
      sumValues<Q, 1>(h, begin, left < kLanes ? left : kLanes);
      begin += kLanes;
    }
  }
}

void attend(const float* q, size_t queryStride, int32_t queries, const float* const* keys, const float* const* values,
            int32_t count, int32_t headDim, float scale, float* out, size_t outStride, float* scratch) {
  float sums[4];
  for (int32_t first = 0; first < queries;) {
    const Heads heads = {q + first * queryStride, queryStride, keys, values, count, headDim, scale, scratch, sums,
                         out + first * outStride, outStride};
    const int32_t left = queries - first;
    if (left >= 4) {
      attendQueries<4>(heads);
      first += 4;
    } else if (left == 3) {
      attendQueries<3>(heads);
      first += 3;
    } else if (left == 2) {
      attendQueries<2>(heads);
      first += 2;
    } else {
      attendQueries<1>(heads);
      first += 1;
    }
  }
}

}  // namespace
}  // namespace paceline
