#include "../src/cache.h"

#include "check.h"

using paceline::Cache;
using paceline::CacheSpec;
using test::promise;

namespace {

const std::vector<CacheSpec> specs = {{2, 3}, {1, 5}};

// What a run does: rows behind the positions and the rows held, told apart by `mark`.
void run(Cache& cache, const std::vector<int32_t>& parents, float mark, int32_t held = 0) {
  cache.begin(held, static_cast<int32_t>(parents.size()));
  for (size_t l = 0; l < specs.size(); l++) {
    for (int head = 0; head < specs[l].kvHeads; head++) {
      for (size_t row = 0; row < parents.size(); row++) {
        for (int i = 0; i < specs[l].headDim; i++) {
          const size_t at = (cache.length() + held + row) * specs[l].headDim + i;
          const float value = mark + static_cast<float>(row) + 0.1f * i + 0.01f * head + 0.001f * l;
          cache.keys(static_cast<int32_t>(l), head)[at] = value;
          cache.values(static_cast<int32_t>(l), head)[at] = -value;
        }
      }
    }
  }
  std::vector<int32_t> all = cache.waiting();
  all.insert(all.end(), parents.begin(), parents.end());
  cache.stage(all);
}

// The marks of the rows that the positions came from, checked over all layers, heads and dimensions.
std::vector<float> marks(const Cache& cache) {
  std::vector<float> result;
  for (int position = 0; position < cache.length(); position++) {
    const float mark = cache.keys(0, 0)[position * 3];
    for (size_t l = 0; l < specs.size(); l++) {
      for (int head = 0; head < specs[l].kvHeads; head++) {
        for (int i = 0; i < specs[l].headDim; i++) {
          const size_t at = size_t{1} * position * specs[l].headDim + i;
          const float* keys = cache.keys(static_cast<int32_t>(l), head);
          const float expected = mark + 0.1f * i + 0.01f * head + 0.001f * l;
          CHECK(std::abs(keys[at] - expected) < 1e-3f);
          CHECK(cache.values(static_cast<int32_t>(l), head)[at] == -keys[at]);
        }
      }
    }
    result.push_back(mark);
  }
  return result;
}

void commit(Cache& cache, const std::vector<int32_t>& path) { cache.commit(path.data(), path.size()); }

}  // namespace

int main() {
  promise("commit keeps the rows of the path in their order, all layers and heads", [] {
    Cache cache(specs, 100);
    run(cache, {-1, 0, 0, 1, 2, 4}, 10);
    commit(cache, {0, 2, 4, 5});
    CHECK((marks(cache) == std::vector<float>{10, 12, 14, 15}));
    run(cache, {-1, -1, 1}, 20);
    commit(cache, {1, 2});
    CHECK((marks(cache) == std::vector<float>{10, 12, 14, 15, 21, 22}));
    run(cache, {-1}, 30);
    commit(cache, {});
    CHECK(cache.length() == 6);
  });

  promise("truncate forgets the newest positions", [] {
    Cache cache(specs, 100);
    run(cache, {-1, 0, 1}, 10);
    commit(cache, {0, 1, 2});
    cache.truncate(1);
    CHECK((marks(cache) == std::vector<float>{10}));
    run(cache, {-1}, 20);
    commit(cache, {0});
    CHECK((marks(cache) == std::vector<float>{10, 20}));
  });

  promise("positions survive growth up to the capacity, and no further", [] {
    Cache cache(specs, 1000);
    std::vector<float> expected;
    CHECK(cache.bytes() == 0);
    while (cache.length() < 1000) {
      const float mark = static_cast<float>(cache.length());
      run(cache, {-1, 0}, mark);
      commit(cache, {0, 1});
      expected.insert(expected.end(), {mark, mark + 1});
    }
    CHECK(marks(cache) == expected);
    CHECK(cache.bytes() == 2 * 1000 * (2 * 3 + 5) * sizeof(float));
    CHECK_ERROR("context", "1 rows after 1000 positions do not fit a cache of 1000 positions", cache.begin(0, 1));
  });

  promise("rows held stay, through growth too, and a path may lead through several runs", [] {
    Cache cache(specs, 1000);
    run(cache, {-1, 0}, 10);
    commit(cache, {0, 1});
    run(cache, {-1, 0, 0}, 20);
    run(cache, {1, 2}, 30, 3);
    CHECK((cache.waiting() == std::vector<int32_t>{-1, 0, 0, 1, 2}));
    run(cache, std::vector<int32_t>(200, 4), 40, 5);
    commit(cache, {0, 2, 4, 7});
    CHECK((marks(cache) == std::vector<float>{10, 11, 20, 22, 31, 42}));
    // Those behind the ones held are forgotten.
    run(cache, {-1, -1, 1}, 50);
    run(cache, {1}, 60, 2);
    CHECK_ERROR("argument", "not a path", commit(cache, {1, 3}));
    commit(cache, {1, 2});
    CHECK((marks(cache) == std::vector<float>{10, 11, 20, 22, 31, 42, 51, 60}));
  });

  promise("a run refuses to hold rows that are not there, and counts those held as room", [] {
    Cache cache(specs, 5);
    CHECK_ERROR("argument", "held: expected 0 to 0, the rows since the last commit or truncate, got 1",
                cache.begin(1, 1));
    run(cache, {-1, 0, 0}, 10);
    CHECK_ERROR("argument", "held: expected 0 to 3", cache.begin(4, 1));
    CHECK_ERROR("argument", "got -1", cache.begin(-1, 1));
    CHECK_ERROR("argument", "got 9007199254740991", cache.begin(9007199254740991, 1));
    CHECK_ERROR("context", "6 rows after 0 positions do not fit a cache of 5 positions (3 of them held)",
                cache.begin(3, 3));
    run(cache, {1, 2}, 20, 3);
    commit(cache, {0, 2, 4});
    CHECK((marks(cache) == std::vector<float>{10, 12, 21}));
    CHECK_ERROR("argument", "held: expected 0 to 0", cache.begin(1, 1));
    run(cache, {-1}, 30);
    cache.truncate(3);
    CHECK_ERROR("argument", "held: expected 0 to 0", cache.begin(1, 1));
  });

  promise("memory grows with the positions held", [] {
    Cache cache(specs, 1 << 24);
    run(cache, {-1}, 1);
    CHECK(cache.bytes() <= 2 * 64 * (2 * 3 + 5) * sizeof(float));
  });

  promise("a prefix goes in front of what has grown, which it leaves as large as it was", [] {
    Cache cache(specs, 1000);
    const auto fill = [&](int count, float mark) {
      std::vector<std::vector<float>> data;
      std::vector<const float*> layers;
      for (const CacheSpec& spec : specs)
        data.push_back(std::vector<float>(size_t{1} * count * spec.kvHeads * spec.headDim, mark));
      for (const std::vector<float>& layer : data) layers.push_back(layer.data());
      if (count == 0) layers.clear();
      cache.setPrefix(count, layers, layers);
    };
    run(cache, std::vector<int32_t>(100, -1), 10);
    cache.truncate(0);
    const size_t grown = cache.bytes();
    for (const int count : {0, 3, 2, 0}) {
      fill(count, 7);
      CHECK(cache.bytes() == grown);
      run(cache, {-1, 0}, 20);
      commit(cache, {0, 1});
      CHECK((marks(cache) == std::vector<float>{20, 21}));
      for (int i = 0; i < 3 * count; i++) CHECK(cache.prefixKeys(0, 1)[i] == 7 && cache.prefixValues(0, 1)[i] == 7);
      cache.truncate(0);
    }
    fill(500, 8);
    CHECK(cache.prefix() == 500 && cache.bytes() > grown);
    for (int i = 0; i < 500 * 5; i++) CHECK(cache.prefixKeys(1, 0)[i] == 8);
  });

  promise("commit refuses what is not a path of the rows that wait, and then changes nothing", [] {
    Cache cache(specs, 100);
    CHECK_ERROR("argument", "no run since the last commit", commit(cache, {}));
    run(cache, {-1, 0, 0, -1}, 10);
    const std::vector<std::vector<int32_t>> wrong = {{1}, {0, 3}, {0, 1, 2}, {0, 0}, {-1}, {4}, {0, 1 << 30}};
    for (const std::vector<int32_t>& path : wrong)
      CHECK_ERROR("argument", "not a path of the rows since the last commit", commit(cache, path));
    CHECK(cache.length() == 0);
    commit(cache, {0, 2});
    CHECK_ERROR("argument", "no run since the last commit", commit(cache, {0}));
    run(cache, {-1}, 20);
    cache.truncate(2);
    CHECK_ERROR("argument", "no run since the last commit", commit(cache, {0}));
    CHECK((marks(cache) == std::vector<float>{10, 12}));
  });

  promise("truncate refuses other lengths, a cache other capacities", [] {
    Cache cache(specs, 100);
    CHECK_ERROR("argument", "expected a length from 0 to 0", cache.truncate(1));
    CHECK_ERROR("argument", "expected a length from 0 to 0", cache.truncate(-1));
    CHECK_ERROR("argument", "positions, got 0", Cache(specs, 0));
    CHECK_ERROR("argument", "positions, got", Cache(specs, int64_t{1} << 40));
  });

  return test::finish();
}
