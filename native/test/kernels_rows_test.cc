// Norms, rotations, attention and the rest: every table gives the bits of the portable one, which is right.
#include <cmath>
#include <limits>

#include "kernels_test.h"

namespace test {
namespace {

const Kernels& portable() {
  const char* reason = nullptr;
  return *paceline::chooseKernels("portable", &reason);
}

const int kWidths[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 64, 100, 255, 256, 1000};

std::vector<float> noise(int count, Random& random, float size = 1) {
  std::vector<float> x(count);
  for (float& v : x) v = random.unit() * size;
  return x;
}

// The result of `run(kernels, y)`, with y exactly `width` long.
template <typename Run>
std::vector<float> resultOf(int width, Run run) {
  Array<float> y(width, sizeof(float));
  run(y.data());
  return std::vector<float>(y.data(), y.data() + width);
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && sameBits(a.data(), b.data(), a.size());
}

bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance * std::fmax(1, std::fabs(b)); }

// Copies without room behind them.
struct Exact {
  Array<float> array;
  explicit Exact(const std::vector<float>& v) : array(v.size(), sizeof(float)) {
    std::memcpy(array.data(), v.data(), v.size() * sizeof(float));
  }
  operator const float*() const { return array.data(); }
};

void testElementwise() {
  promiseOfEach("rmsNorm, siluMul, silu, add and rope agree with the portable table and with doubles", [](const Kernels& kernels) {
    Random random(10);
    for (int width : kWidths) {
      const Exact a(noise(width, random, 4)), b(noise(width, random, 100));
      const auto norm = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.rmsNorm(a, b, 1e-5f, width, y); }); };
      const auto silu = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.siluMul(b, a, width, y); }); };
      const auto plain = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.silu(b, width, y); }); };
      const auto sum = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.add(a, b, width, y); }); };
      CHECK(same(norm(kernels), norm(portable())));
      CHECK(same(silu(kernels), silu(portable())));
      CHECK(same(plain(kernels), plain(portable())));
      CHECK(same(sum(kernels), sum(portable())));
      double squares = 0;
      for (int i = 0; i < width; i++) squares += double(a[i]) * a[i];
      const double inverse = 1 / std::sqrt(squares / width + 1e-5);
      for (int i = 0; i < width; i++) {
        CHECK(near(norm(kernels)[i], a[i] * inverse * b[i], 1e-6));
        CHECK(near(silu(kernels)[i], b[i] / (1 + std::exp(-double(b[i]))) * a[i], 1e-6));
        CHECK(near(plain(kernels)[i], b[i] / (1 + std::exp(-double(b[i]))), 1e-6));
        CHECK(sum(kernels)[i] == a[i] + b[i]);
      }
      // in place
      std::vector<float> y(a.array.data(), a.array.data() + width);
      kernels.rmsNorm(y.data(), b, 1e-5f, width, y.data());
      CHECK(same(y, norm(portable())));
      y.assign(b.array.data(), b.array.data() + width);
      kernels.siluMul(y.data(), a, width, y.data());
      CHECK(same(y, silu(portable())));
      y.assign(b.array.data(), b.array.data() + width);
      kernels.silu(y.data(), width, y.data());
      CHECK(same(y, plain(portable())));
    }
    for (int headDim : {2, 8, 12, 30, 32, 64, 80, 128, 256}) {
      const Exact x(noise(headDim, random)), c(noise(headDim / 2, random)), s(noise(headDim / 2, random));
      const auto turned = [&](const Kernels& k) { return resultOf(headDim, [&](float* y) { k.rope(x, c, s, headDim, y); }); };
      CHECK(same(turned(kernels), turned(portable())));
      for (int i = 0; i < headDim / 2; i++) {
        const double a = x[i], b = x[i + headDim / 2];
        CHECK(near(turned(kernels)[i], a * c[i] - b * s[i], 1e-6));
        CHECK(near(turned(kernels)[i + headDim / 2], b * c[i] + a * s[i], 1e-6));
      }
      std::vector<float> y(x.array.data(), x.array.data() + headDim);
      kernels.rope(y.data(), c, s, headDim, y.data());
      CHECK(same(y, turned(portable())));
    }
  });
}

void testExponential() {
  promiseOfEach("e^x is right within two units in the last place over its whole range", [](const Kernels& kernels) {
    // softmax of (0, x) with x far below: the second probability is e^x.
    for (int step = 0; step <= 20000; step++) {
      const float x = -float(step) * 0.00521f;
      const float pair[] = {0, x};
      float y[2], log[2];
      kernels.softmax(pair, 2, y);
      kernels.logSoftmax(pair, 2, log);
      const double exact = std::exp(double(x)) / (1 + std::exp(double(x)));
      CHECK(std::fabs(y[1] - exact) <= 3e-7 * exact + 1.5e-45);  // the smallest number there is
      CHECK(near(log[1], x - std::log1p(std::exp(double(x))), 2e-7));
    }
  });
}

void testSoftmax() {
  promiseOfEach("softmax and logSoftmax agree with the portable table and with doubles", [](const Kernels& kernels) {
    Random random(11);
    for (int width : kWidths) {
      for (float size : {1.0f, 30.0f, 1e5f}) {
        std::vector<float> values = noise(width, random, size);
        if (width > 4) values[width / 2] = -std::numeric_limits<float>::infinity();
        const Exact x(values);
        const auto soft = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.softmax(x, width, y); }); };
        const auto logs = [&](const Kernels& k) { return resultOf(width, [&](float* y) { k.logSoftmax(x, width, y); }); };
        CHECK(same(soft(kernels), soft(portable())));
        CHECK(same(logs(kernels), logs(portable())));
        double most = -1e300, sum = 0;
        for (float v : values) most = std::fmax(most, v);
        for (float v : values) sum += std::exp(v - most);
        for (int i = 0; i < width; i++) {
          CHECK(near(soft(kernels)[i], std::exp(values[i] - most) / sum, 1e-6));
          const double expected = values[i] - most - std::log(sum);
          CHECK(std::isinf(expected) ? logs(kernels)[i] == expected : near(logs(kernels)[i], expected, 1e-6));
        }
        std::vector<float> y = values;
        kernels.softmax(y.data(), width, y.data());
        CHECK(same(y, soft(portable())));
      }
    }
  });
  promiseOfEach("argmax is the lowest index of the largest, and never NaN", [](const Kernels& kernels) {
    Random random(12);
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    for (int width : kWidths) {
      for (int turn = 0; turn < 50; turn++) {
        std::vector<float> values(width);
        for (float& v : values) {
          const int kind = random.below(12);
          v = kind == 0 ? nan : kind == 1 ? -infinity : kind == 2 ? -0.0f : float(random.below(turn % 5 + 1));
        }
        if (turn == 0) values.assign(width, nan);
        if (turn == 1) values.assign(width, -infinity);
        if (turn == 2) values.assign(width, nan), values.back() = -infinity;
        if (turn == 3) values.assign(width, -0.0f), values.back() = 0.0f;
        int best = -1;
        for (int i = 0; i < width; i++) {
          if (values[i] == values[i] && (best < 0 || values[i] > values[best])) best = i;
        }
        CHECK(kernels.argmax(Exact(values), width) == (best < 0 ? 0 : best));
      }
    }
  });
}

struct Heads {
  int queries, count, headDim;
  std::vector<float> q;
  std::vector<Array<float>*> memory;  // of each key and value by itself
  std::vector<const float*> keys, values;

  Heads(int someQueries, int keyCount, int width, Random& random)
      : queries(someQueries), count(keyCount), headDim(width), q(noise(someQueries * width, random)) {
    for (int j = 0; j < 2 * count; j++) {
      memory.push_back(new Array<float>(headDim, sizeof(float)));
      for (int i = 0; i < headDim; i++) (*memory.back())[i] = random.unit() * 2;
      (j % 2 ? values : keys).push_back(memory.back()->data());
    }
  }
  ~Heads() {
    for (Array<float>* array : memory) delete array;
  }
  Heads(const Heads&) = delete;
  Heads& operator=(const Heads&) = delete;

  // Of queries [first, first + some), of which every query i sees keys [0, count - less(i)); the first `shared` as shared
  // ones.
  template <typename Less>
  std::vector<float> attend(const Kernels& kernels, int first, int some, int shared, Less less) const {
    Array<float> scores(size_t(some) * (count + 1), sizeof(float)), results(size_t(some) * headDim, sizeof(float));
    std::vector<const float*> from;
    std::vector<float*> to;
    std::vector<const float* const*> ownKeys(some, keys.data() + shared), ownValues(some, values.data() + shared);
    std::vector<int32_t> own;
    for (int i = 0; i < some; i++) {
      from.push_back(q.data() + size_t(first + i) * headDim);
      to.push_back(results.data() + size_t(i) * headDim);
      own.push_back(count - less(first + i) - shared);
    }
    kernels.attend({some, headDim, from.data(), to.data(), shared, keys.data(), values.data(), own.data(), ownKeys.data(),
                    ownValues.data(), 0.3f, scores.data(), size_t(count) + 1});
    return std::vector<float>(results.data(), results.data() + results.size());
  }
};

void testAttention() {
  promiseOfEach("attention agrees with the portable table and with doubles, whichever heads go together", [](const Kernels& kernels) {
    Random random(13);
    for (int headDim : {2, 8, 12, 16, 30, 64, 80, 96, 128, 256}) {
      for (int count : {1, 2, 3, 5, 15, 16, 17, 33, 100}) {
        const Heads heads(1 + random.below(9), count, headDim, random);
        const int shared = random.below(count + 1);
        std::vector<int> less;
        for (int h = 0; h < heads.queries; h++) less.push_back(random.below(std::min(count, count - shared + 1)));
        const auto lessOf = [&](int h) { return less[h]; };
        const std::vector<float> all = heads.attend(kernels, 0, heads.queries, shared, lessOf);
        CHECK(same(all, heads.attend(portable(), 0, heads.queries, shared, lessOf)));
        for (int h = 0; h < heads.queries; h++) {
          const int seen = count - less[h];
          // All keys shared, all keys its own: it is the same path.
          CHECK(sameBits(heads.attend(kernels, h, 1, 0, lessOf).data(), all.data() + h * headDim, headDim));
          const std::vector<float> alone = heads.attend(kernels, h, 1, seen, lessOf);
          CHECK(sameBits(alone.data(), all.data() + h * headDim, headDim));
          std::vector<double> weights(seen), expected(headDim);
          double most = -1e300, sum = 0;
          for (int j = 0; j < seen; j++) {
            for (int i = 0; i < headDim; i++) weights[j] += double(heads.q[h * headDim + i]) * heads.keys[j][i];
            weights[j] *= 0.3f;
            most = std::fmax(most, weights[j]);
          }
          for (double& w : weights) sum += w = std::exp(w - most);
          for (int j = 0; j < seen; j++) {
            for (int i = 0; i < headDim; i++) expected[i] += weights[j] / sum * heads.values[j][i];
          }
          for (int i = 0; i < headDim; i++) CHECK(near(alone[i], expected[i], 5e-6));
        }
      }
    }
  });
}

}  // namespace

void testRows() {
  testElementwise();
  testExponential();
  testSoftmax();
  testAttention();
}

}  // namespace test
