// Programs with something wrong in them: refused or run, but never a crash (under a sanitizer: nor a stray access, nor
// a race between threads where a barrier is missing).
#include <climits>

#include "decoder.h"

using namespace test;

namespace {

int32_t oddNumber(Random& random, int32_t old) {
  static constexpr int32_t edges[] = {0, -1, 1, 2, 16, INT32_MAX, INT32_MIN, 1 << 24, 1 << 30, -2, 65536};
  switch (random.below(4)) {
    case 0:
      return edges[random.below(static_cast<int>(std::size(edges)))];
    case 1:
      return static_cast<int32_t>(static_cast<uint32_t>(old) + static_cast<uint32_t>(random.below(9)) - 4);
    case 2:
      return random.below(60);
    default:
      return random.below(8);
  }
}

void mutateNumbers(Random& random, std::vector<int32_t>& numbers) {
  if (numbers.empty()) return;
  const int at = random.below(static_cast<int>(numbers.size()));
  switch (random.below(12)) {
    case 0:
      numbers.erase(numbers.begin() + at);
      break;
    case 1:
      numbers.insert(numbers.begin() + at, oddNumber(random, 0));
      break;
    case 2:
      numbers.resize(at);
      break;
    case 3:
      std::swap(numbers[at], numbers[random.below(static_cast<int>(numbers.size()))]);
      break;
    default:
      numbers[at] = oddNumber(random, numbers[at]);
  }
}

void mutate(Random& random, ProgramDescription& d) {
  const int kind = random.below(24);
  if (kind == 0) mutateNumbers(random, d.inputs);
  else if (kind <= 2) mutateNumbers(random, d.outputs);
  else if (kind == 3) mutateNumbers(random, d.caches);
  else if (kind == 4) d.arenaWidth = random.below(2) ? d.arenaWidth + random.below(20) - 10 : oddNumber(random, 0);
  else if (kind == 5) d.constants.resize(random.below(3));
  else if (kind == 6) std::swap(d.weights[random.below(static_cast<int>(d.weights.size()))], d.weights[0]);
  else if (kind == 7) d.weights.pop_back();
  else if (kind == 8 && !d.tables.empty()) d.tables[0].positions = oddNumber(random, 1);
  else if (kind == 9 && !d.tables.empty()) d.tables[0].frequencies.resize(random.below(6));
  else mutateNumbers(random, d.ops);
}

std::vector<ProgramDescription> seeds() {
  std::vector<ProgramDescription> result;
  for (const char* precision : {"f32", "int8", "int4"}) {
    DecoderShape shape;
    shape.width = 8;
    shape.heads = 2;
    shape.kvHeads = 1 + static_cast<int32_t>(result.size()) % 2;
    shape.headDim = 4;
    shape.mlp = 6;
    shape.vocab = 20;
    shape.windows = {result.empty() ? -1 : 2};
    shape.precision = precision;
    result.push_back(decoder(shape).d);
    // Short ones too: in a long program most changes hit something that matters.
    Writer w;
    Random random(result.size());
    const View a = w.input(6), b = w.input(6), c = w.buffer(20), d = w.buffer(20);
    w.op(Opcode::kLinear, {a, c, w.weight(randomWeight(random, precision, 20, 6)), -1});
    w.op(Opcode::kLinear, {a, d, w.weight(randomWeight(random, precision, 20, 6)), -1});
    w.op(Opcode::kSiluMul, {c, d, d, 20});
    w.op(Opcode::kAdd, {b, Writer::part(d, 3), b, 6});
    w.op(Opcode::kTopK, {d, a, c, 20, 5});
    w.output(d, 20);
    w.output(c, 5, DType::kI32);
    w.op(Opcode::kSoftmax, {d, c, 20});
    w.op(Opcode::kArgmax, {c, a, 20});
    w.output(a, 1, DType::kI32);
    w.output(b, 6);
    result.push_back(w.d);
  }
  return result;
}

// A prefix of so many entries, or one whose layers are too few.
void prefix(Random& random, Cache& cache, int count) {
  std::vector<std::vector<float>> data;
  std::vector<const float*> keys, values;
  for (const CacheSpec& spec : cache.specs()) {
    data.push_back(randomFloats(random, size_t{1} * count * spec.kvHeads * spec.headDim, 3));
    keys.push_back(data.back().data());
  }
  values = keys;
  if (count == 0) keys.clear(), values.clear();
  if (count > 0 && random.below(8) == 0) values.pop_back();
  try {
    cache.setPrefix(count, keys, values);
  } catch (const Error&) {
  }
}

// Runs with everything that the program wants; small programs only, to be fast.
int runs(Random& random, Program& program, const ProgramDescription& d) {
  const int rows = 1 + random.below(20);
  std::vector<std::vector<float>> data;
  std::vector<RunInput> inputs;
  for (size_t i = 0; i + 4 < d.inputs.size(); i += 5) {
    const size_t count = size_t{1} * rows * d.inputs[i + 3];
    if (count > 1 << 20) return 0;
    data.push_back(randomFloats(random, count, 3));
    inputs.push_back({static_cast<DType>(d.inputs[i + 4]), data.back().data(), count});
  }
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < d.outputs.size() / 6; i++)
    if (random.below(3) != 0) wanted.push_back(static_cast<int64_t>(i));
  std::unique_ptr<Cache> cache;
  std::vector<int32_t> parents;
  if (!program.caches().empty()) {
    for (const CacheSpec& spec : program.caches())
      if (int64_t{spec.kvHeads} * spec.headDim > 1 << 16) return 0;
    cache.reset(new Cache(program.caches(), 1 + random.below(60)));
    if (random.below(2)) prefix(random, *cache, random.below(4));
  }
  int done = 0;
  for (int round = 0; round < 3; round++) {
    // Behind all, some or none of the rows that wait, or more than there are.
    const int waiting = cache ? static_cast<int>(cache->waiting().size()) : 0;
    int64_t held = random.below(3) == 0 ? 0 : random.below(2) ? waiting : random.below(waiting + 1);
    if (random.below(20) == 0) held = oddNumber(random, waiting);
    parents.clear();
    for (int row = 0; row < rows && cache; row++)
      parents.push_back(random.below(static_cast<int>(std::min<int64_t>(std::max<int64_t>(held, 0), waiting)) + row + 1) - 1);
    if (cache && random.below(20) == 0) parents[random.below(rows)] = oddNumber(random, 0);
    try {
      int64_t riders = cache && random.below(2) ? random.below(rows + 1) : Program::kNoRiders;
      if (random.below(20) == 0) riders = oddNumber(random, rows);
      program.run(rows, inputs, cache.get(), parents.data(), parents.size(), wanted, held, riders);
      done = 1;
      for (int64_t output : wanted)
        if (program.outputCount(output) < 1 << 20) outputsOf(program, {output});
      if (cache && random.below(2)) {
        const std::vector<int32_t> all = cache->waiting();
        std::vector<int32_t> path;
        for (int32_t row = random.below(static_cast<int>(all.size())); row >= 0; row = all[row])
          path.insert(path.begin(), row);
        if (random.below(4) == 0) path[random.below(static_cast<int>(path.size()))] = oddNumber(random, 0);
        cache->commit(path.data(), path.size());
      }
    } catch (const Error&) {
    }
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 100000;
  Random random(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const std::vector<ProgramDescription> originals = seeds();
  std::shared_ptr<Pool> pools[3];
  for (int i = 0; i < 3; i++) pools[i] = std::make_shared<Pool>(i + 1);
  int loaded = 0, ran = 0;
  for (int i = 0; i < count; i++) {
    ProgramDescription d = originals[random.below(static_cast<int>(originals.size()))];
    for (int changes = random.below(4) == 0 ? 2 : 1; changes > 0; changes--) mutate(random, d);
    try {
      Program program(pools[random.below(3)], d);
      loaded++;
      ran += runs(random, program, d);
    } catch (const Error&) {
    }
  }
  std::printf("ok   %d mutated programs: %d refused, %d loaded, %d of them ran\n", count, count - loaded, loaded, ran);
  CHECK(ran > count / 20);
  return finish();
}
