#include "program.h"

#include <algorithm>
#include <cmath>

#include "topk.h"

namespace paceline {
namespace {

constexpr size_t kMaxArenaBytes = sizeof(size_t) > 4 ? size_t{1} << 36 : size_t{1} << 30;

// Handing work to another thread takes about a microsecond. What makes it worth while: floats of row by row work, and
// bytes of weights times rows, for each thread; bytes of weights of a chunk where there is plenty.
constexpr int64_t kChunkFloats = 4096;
constexpr int64_t kSharedBytes = 16 << 10;
constexpr int64_t kChunkBytes = 128 << 10;

int32_t readInt(const float* at) {
  int32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

Program::Program(std::shared_ptr<Pool> pool, ProgramDescription description)
    : pool_(std::move(pool)), kernels_(description.kernels), code_(compile(description)) {
  weights_ = std::move(description.weights);
  tables_ = std::move(description.tables);
  attention_.configure(pool_->threads(), code_.maxQueries, code_.windows);
}

void Program::run(int64_t rows, const std::vector<RunInput>& inputs, Cache* cache, const int32_t* parents,
                  size_t parentCount, const std::vector<int64_t>& wanted, int64_t held, int64_t riders) {
  check(rows, inputs, cache, parentCount, wanted, held);
  if (riders == kNoRiders) riders = rows;
  if (riders < 0 || riders > rows || (!cache && riders < rows))
    throw argumentError("riders: expected 0 to " + std::to_string(rows) + ", the first row that is one, of a run with a cache, got " +
                        std::to_string(riders));
  if (cache) Attention::checkParents(parents, static_cast<int32_t>(rows), held);
  const size_t steps = stepsFor(wanted);
  reserve(static_cast<int32_t>(rows));
  if (cache) {
    cache->begin(held, rows_);
    attention_.begin(parents, rows_, static_cast<int32_t>(riders), cache);
  }
  inputs_ = &inputs;
  int phases = 1;  // the first one takes the inputs in
  while (phases < static_cast<int>(code_.phases.size()) && code_.phases[phases].begin < steps) phases++;
  Job job{*this, steps, phases};
  pool_->run(job);
  inputs_ = nullptr;
  if (cache) cache->stage(attention_.parents());
}

void Program::check(int64_t rows, const std::vector<RunInput>& inputs, const Cache* cache, size_t parentCount,
                    const std::vector<int64_t>& wanted, int64_t held) const {
  if (rows < 1 || rows > kMaxRows)
    throw argumentError("a run has 1 to " + std::to_string(kMaxRows) + " rows, got " + std::to_string(rows));
  if (inputs.size() != code_.inputs.size())
    throw argumentError("expected " + std::to_string(code_.inputs.size()) + " inputs, got " +
                        std::to_string(inputs.size()));
  for (size_t i = 0; i < inputs.size(); i++) {
    const Port& port = code_.inputs[i];
    if (inputs[i].dtype != port.dtype || inputs[i].count != size_t{1} * rows * port.width)
      throw argumentError("input " + std::to_string(i) + ": expected " + (port.dtype == DType::kF32 ? "f32" : "i32") +
                          " [" + std::to_string(rows) + ", " + std::to_string(port.width) + "], got " +
                          std::to_string(inputs[i].count) + " elements of " +
                          (inputs[i].dtype == DType::kF32 ? "f32" : "i32"));
  }
  for (int64_t output : wanted) {
    if (output < 0 || output >= static_cast<int64_t>(code_.outputs.size()))
      throw argumentError("there is no output " + std::to_string(output));
  }
  if (code_.caches.empty()) {
    if (cache || parentCount != 0 || held != 0)
      throw argumentError("this program has no attention: no cache, no parents, no rows held");
    return;
  }
  if (!cache) throw argumentError("this program needs a cache");
  if (!(cache->specs() == code_.caches)) throw argumentError("the cache was made for another program");
  if (parentCount != static_cast<size_t>(rows))
    throw argumentError(std::to_string(parentCount) + " parents for " + std::to_string(rows) + " rows");
  cache->check(held, static_cast<int32_t>(rows));
}

// A cache whose rows may be committed needs the keys and values of all layers, whatever is wanted.
size_t Program::stepsFor(const std::vector<int64_t>& wanted) const {
  int32_t last = code_.lastAttention;
  for (int64_t output : wanted) last = std::max(last, code_.outputs[output].lastOp);
  return last < 0 ? 0 : code_.stepsThrough[last];
}

void Program::reserve(int32_t rows) {
  rows_ = 0;  // no outputs, should memory run out
  const size_t rounded = roundUp(rows, 16);
  const size_t floats = size_t{1} * code_.arenaWidth + code_.tableWidth;
  const size_t rowBytes = floats * sizeof(float) + code_.quantisedRowBytes;
  if (rounded * rowBytes > kMaxArenaBytes)
    throw Error("runtime", std::to_string(rows) + " rows of " + std::to_string(rowBytes) + " bytes are too many");
  if (rounded * rowBytes > arena_.size()) {
    arena_ = Buffer();  // nothing in it outlives a run
    arena_ = Buffer(rounded * rowBytes);
  }
  rows_ = rows;
  rowsRounded_ = rounded;
  tableValues_ = arena_.floats() + rounded * code_.arenaWidth;
  quantised_ = arena_.data() + rounded * floats * sizeof(float);
}

void Program::copyOutput(int64_t output, void* to) const {
  const Port& port = code_.outputs[output];
  const size_t bytes = sizeof(float) * port.width;
  for (int32_t row = 0; row < rows_; row++)
    std::memcpy(static_cast<uint8_t*>(to) + row * bytes, at(port.view, row), bytes);
}

float* Program::at(const View& view, int32_t row) const {
  return arena_.floats() + rowsRounded_ * view.offset + size_t{1} * row * view.stride + view.start;
}

int Program::chunks(const Phase& phase) const {
  if (pool_->threads() == 1) return 1;
  if (phase.byRow) {
    const int64_t worth = rows_ * phase.width / kChunkFloats;
    return static_cast<int>(std::clamp<int64_t>(worth, 1, std::min(rows_, 2 * pool_->threads())));
  }
  const Step& step = code_.steps[phase.begin];
  return step.opcode == Opcode::kAttention ? attention_.chunks(step.kvHeads, step.count, step.window) : linearChunks(step);
}

void Program::execute(const Phase& phase, size_t end, int chunk, int thread) {
  if (phase.byRow) {
    const int64_t count = chunks(phase);
    const int32_t first = static_cast<int32_t>(rows_ * chunk / count);
    const int32_t last = static_cast<int32_t>(rows_ * (chunk + 1) / count);
    if (&phase == &code_.phases[0]) begin(first, last);
    for (size_t i = phase.begin; i < std::min(phase.end, end); i++) {
      for (int32_t row = first; row < last; row++) eachRow(code_.steps[i], row);
    }
    return;
  }
  const Step& step = code_.steps[phase.begin];
  if (step.opcode == Opcode::kLinear) return linear(step, chunk);
  const AttentionRows rows = {at(step.in[0], 0), at(step.in[1], 0), at(step.in[2], 0), at(step.out[0], 0),
                              static_cast<size_t>(step.in[0].stride), static_cast<size_t>(step.in[1].stride),
                              static_cast<size_t>(step.in[2].stride), static_cast<size_t>(step.out[0].stride),
                              step.count, step.kvHeads, step.width, step.cache, step.window, step.scalar};
  attention_.run(*kernels_, rows, chunk, attention_.chunks(step.kvHeads, step.count, step.window), thread);
}

void Program::begin(int32_t firstRow, int32_t endRow) {
  for (size_t i = 0; i < code_.inputs.size(); i++) {
    const Port& port = code_.inputs[i];
    const size_t bytes = sizeof(float) * port.width;
    const uint8_t* data = static_cast<const uint8_t*>((*inputs_)[i].data);
    for (int32_t row = firstRow; row < endRow; row++) std::memcpy(at(port.view, row), data + row * bytes, bytes);
  }
  for (int32_t row = firstRow; row < endRow; row++) fillTables(row, firstRow);
}

// cos and sin of position * frequency. Rows of one depth share a position: what a row nearby has is copied.
void Program::fillTables(int32_t row, int32_t firstRow) {
  float* const values = tableValues_ + size_t{1} * row * code_.tableWidth;
  for (size_t t = 0; t < tables_.size(); t++) {
    const TablePlan& plan = code_.tables[t];
    const int32_t position = readInt(at(plan.positions, row));
    int32_t same = row - 1;
    while (same >= firstRow && same >= row - 32 && readInt(at(plan.positions, same)) != position) same--;
    float* const cos = values + plan.at;
    if (same >= firstRow && same >= row - 32) {
      std::memcpy(cos, tableValues_ + size_t{1} * same * code_.tableWidth + plan.at, sizeof(float) * 2 * plan.half);
      continue;
    }
    for (int32_t i = 0; i < plan.half; i++) {
      const double angle = position * tables_[t].frequencies[i];
      cos[i] = static_cast<float>(std::cos(angle) * tables_[t].scale);
      cos[plan.half + i] = static_cast<float>(std::sin(angle) * tables_[t].scale);
    }
  }
}

// Enough chunks for others to help a thread that falls behind, but none so small that starting it costs much.
int Program::linearChunks(const Step& step) const {
  const int64_t panels = (int64_t{step.weight.n} + kPanel - 1) / kPanel;
  const int64_t bytes = panels * static_cast<int64_t>(step.weight.panelBytes);
  const int threads = pool_->threads();
  if (bytes * rows_ < threads * kSharedBytes) return 1;
  return static_cast<int>(std::min<int64_t>(panels, std::clamp<int64_t>(bytes / kChunkBytes, threads, 4 * threads)));
}

void Program::linear(const Step& step, int chunk) {
  const int64_t panels = (int64_t{step.weight.n} + kPanel - 1) / kPanel;
  const int64_t chunks = pool_->threads() == 1 ? 1 : linearChunks(step);
  // Kernels take several panels at a time.
  const int64_t whole = panels / chunks >= 16 ? 4 : 1;
  const auto bound = [&](int64_t i) {
    return static_cast<int32_t>(i == chunks ? panels : panels * i / chunks / whole * whole);
  };
  const int32_t begin = bound(chunk), end = bound(chunk + 1);
  const bool quantised = step.weight.type != WeightType::kF32;
  const uint8_t* x = quantised ? quantised_ : reinterpret_cast<const uint8_t*>(at(step.in[0], 0));
  const size_t xStride = quantised ? step.quantisedStride : sizeof(float) * step.in[0].stride;
  kernels_->linear(step.weight, x, xStride, rows_, at(step.out[0], 0), step.out[0].stride, begin, end);
  if (!step.vector) return;
  const int32_t last = static_cast<int32_t>(std::min<int64_t>(int64_t{end} * kPanel, step.weight.n));
  for (int32_t row = 0; row < rows_; row++) {
    float* y = at(step.out[0], row);
    for (int32_t i = begin * kPanel; i < last; i++) y[i] += step.vector[i];
  }
}

void Program::eachRow(const Step& step, int32_t row) {
  const float* x = at(step.in[0], row);
  float* y = at(step.out[0], row);
  switch (step.opcode) {
    case Opcode::kQuantise:
      kernels_->quantiseRow(step.weight.type, x, step.width, quantised_ + row * step.quantisedStride);
      break;
    case Opcode::kRmsNorm:
      for (int32_t i = 0; i < step.count; i++, x += step.width, y += step.width)
        kernels_->rmsNorm(x, step.vector, step.scalar, step.width, y);
      break;
    case Opcode::kRope: {
      const float* cos = tableValues_ + size_t{1} * row * code_.tableWidth + step.table;
      for (int32_t i = 0; i < step.count; i++, x += step.width, y += step.width)
        kernels_->rope(x, cos, cos + step.width / 2, step.width, y);
      break;
    }
    case Opcode::kSiluMul:
      kernels_->siluMul(x, at(step.in[1], row), step.width, y);
      break;
    case Opcode::kAdd:
      kernels_->add(x, at(step.in[1], row), step.width, y);
      break;
    case Opcode::kArgmax: {
      const int32_t best = kernels_->argmax(x, step.width);
      std::memcpy(y, &best, sizeof best);
      break;
    }
    case Opcode::kTopK:
      topK(x, step.width, step.count, y, reinterpret_cast<int32_t*>(at(step.out[1], row)));
      break;
    case Opcode::kSoftmax:
      kernels_->softmax(x, step.width, y);
      break;
    case Opcode::kLogSoftmax:
      kernels_->logSoftmax(x, step.width, y);
      break;
    case Opcode::kSilu:
      kernels_->silu(x, step.width, y);
      break;
    case Opcode::kLinear:
    case Opcode::kAttention:
      break;
  }
}

}  // namespace paceline
