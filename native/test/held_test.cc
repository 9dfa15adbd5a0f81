#include "../src/program.h"
#include "decoder.h"

using namespace test;

namespace {

// A tree in several runs, each behind all rows of those before or fewer, equals it in one, and so does what is committed.
void checkPassesEqualTree(const DecoderShape& shape, int threads, int maxRows, uint64_t seed) {
  Random random(seed);
  const Writer writer = decoder(shape, seed);
  const auto program = writer.program(threads), single = writer.program(1);
  Cache whole(program->caches(), 500), cut(program->caches(), 500);
  for (int round = 0; round < 6; round++) {
    const int32_t rows = 1 + random.below(maxRows);
    const std::vector<int32_t> parents = randomTree(random, rows);
    const std::vector<float> x = randomFloats(random, size_t{1} * rows * shape.width);
    const auto expected = runDecoder(*single, whole, x, parents);
    for (int32_t held = 0, count; held < rows; held += count) {
      count = 1 + random.below(rows - held);
      const auto run = [&](int32_t some) {
        return runDecoder(*program, cut, {x.begin() + held * shape.width, x.begin() + (held + some) * shape.width},
                          {parents.begin() + held, parents.begin() + held + some}, allOutputs, held);
      };
      // Rows that the run after does not hold leave nothing behind.
      if (random.below(3) == 0) run(rows - held);
      const auto outputs = run(count);
      for (size_t output = 0; output < outputs.size(); output++) {
        const size_t width = outputs[output].size() / count;
        const float* from = expected[output].data() + held * width;
        CHECK(outputs[output] == std::vector<float>(from, from + count * width));
      }
    }
    const std::vector<int32_t> accepted = pathTo(parents, random.below(rows));
    whole.commit(accepted.data(), accepted.size());
    cut.commit(accepted.data(), accepted.size());
  }
}

}  // namespace

int main() {
  promise("a tree cut into runs equals it in one, bit for bit, for any threads, precision, window, sharing of heads", [] {
    uint64_t seed = 100;
    for (const char* precision : {"f32", "int8", "int4"}) {
      for (int threads : {1, 2, 3, 7}) {
        DecoderShape shape;
        shape.precision = precision;
        checkPassesEqualTree(shape, threads, 40, seed++);
        shape.kvHeads = threads % 2 ? 4 : 1;
        shape.windows = {2, 1, -1, 17};
        checkPassesEqualTree(shape, threads, 24, seed++);
      }
    }
  });

  promise("a run behind rows that are not there is refused in words, and changes nothing", [] {
    const Writer writer = decoder(DecoderShape());
    const auto program = writer.program(2);
    Cache cache(program->caches(), 4);
    const std::vector<float> x(3 * 16);
    const std::vector<int32_t> positions(3);
    const auto behind = [&](int64_t held, const std::vector<int32_t>& over) {
      const size_t rows = over.size();
      program->run(static_cast<int64_t>(rows), {{DType::kF32, x.data(), rows * 16}, {DType::kI32, positions.data(), rows}},
                   &cache, over.data(), rows, {0}, held);
    };
    behind(0, {-1, 0});
    CHECK_ERROR("argument", "held: expected 0 to 2", behind(3, {-1}));
    CHECK_ERROR("argument", "held: expected 0 to 2", behind(-1, {-1}));
    CHECK_ERROR("argument", "held: expected 0 to 2", behind(INT64_MIN, {-1}));
    CHECK_ERROR("argument", "row 2 has parent 2", behind(2, {2}));
    CHECK_ERROR("argument", "row 1 has parent 1", behind(1, {1}));
    CHECK_ERROR("context", "5 rows after 0 positions do not fit a cache of 4 positions (2 of them held)",
                behind(2, {-1, 0, 0}));
    Writer plain;
    plain.output(plain.input(1), 1);
    CHECK_ERROR("argument", "no rows held",
                plain.program()->run(1, {{DType::kF32, x.data(), 1}}, nullptr, nullptr, 0, {0}, 1));
    behind(2, {1});
    const int32_t path[] = {0, 1, 2};
    cache.commit(path, 3);  // of the runs that were right
  });

  return test::finish();
}
