#include <algorithm>
#include <iterator>

#include "hazards.h"
#include "program.h"

namespace paceline {
namespace {

constexpr int64_t kMaxArenaWidth = int64_t{1} << 24;
constexpr size_t kMaxOps = size_t{1} << 20;  // numbers in `ops`
constexpr size_t kMaxPorts = 1024;           // inputs; outputs; tables; caches
constexpr int32_t kMaxHeads = 4096;
constexpr int32_t kMaxHeadDim = 65536;

struct OpcodeInfo {
  const char* name;
  size_t size;  // numbers, opcode included
};

// Indexed by opcode.
constexpr OpcodeInfo kOpcodes[] = {
    {"LINEAR", 9}, {"RMSNORM", 11}, {"ROPE", 10},  {"ATTENTION", 19}, {"SILU_MUL", 11},
    {"ADD", 11},   {"ARGMAX", 8},   {"TOPK", 12},  {"SOFTMAX", 8},    {"LOG_SOFTMAX", 8},
    {"SILU", 8},
};

// A view with the width that its operation gives it.
struct Columns {
  View view;
  int32_t width;
};

class Compiler {
 public:
  explicit Compiler(const ProgramDescription& description) : d_(description) {}

  Code compile() {
    if (d_.arenaWidth < 1 || d_.arenaWidth > kMaxArenaWidth)
      throw argumentError("an arena is 1 to " + std::to_string(kMaxArenaWidth) + " floats per row, got " +
                          std::to_string(d_.arenaWidth));
    code_.arenaWidth = static_cast<int32_t>(d_.arenaWidth);
    readCaches();
    readInputs();
    readTables();
    std::vector<Access> begin;
    for (const Port& input : code_.inputs) begin.push_back({input.view, input.width, true});
    begin.push_back({kTables, 1, true});
    phase_.admit(begin);
    code_.phases.push_back({0, 0, true});
    readOps();
    readOutputs();
    return std::move(code_);
  }

 private:
  // Memory beyond the arena, as far as overlaps go: cos and sin of the tables; the quantised rows.
  static constexpr View kTables{INT32_MAX - 2, 1, 0};
  static constexpr View kQuantised{INT32_MAX - 1, 1, 0};

  [[noreturn]] void fail(const std::string& message) const { throw argumentError("program: " + where_ + message); }
  void check(bool right, const std::string& what, int64_t value) const {
    if (!right) fail(what + " " + std::to_string(value));
  }

  View view(const int32_t* at, int64_t width) const {
    const View view{at[0], at[1], at[2]};
    if (view.offset < 0 || view.stride < 1 || int64_t{view.offset} + view.stride > code_.arenaWidth || view.start < 0 ||
        width < 1 || int64_t{view.start} + width > view.stride)
      fail("view (" + std::to_string(view.offset) + ", " + std::to_string(view.stride) + ", " +
           std::to_string(view.start) + ") of width " + std::to_string(width) + " in an arena of " +
           std::to_string(code_.arenaWidth));
    return view;
  }

  const Weight& weight(int32_t index, bool vector) const {
    check(index >= 0 && static_cast<size_t>(index) < d_.weights.size(), "weight", index);
    const Weight& weight = *d_.weights[index];
    check(weight.isVector() == vector, vector ? "expected a vector, weight" : "expected no vector, weight", index);
    check(weight.complete(), "rows are missing in weight", index);
    // Vectors are plain floats to all of them.
    check(vector || weight.kernels() == d_.kernels, "packed for another instruction set: weight", index);
    return weight;
  }

  const float* vector(int32_t index, int32_t length) const {
    const Weight& vector = weight(index, true);
    check(int64_t{vector.n()} * vector.k() == length, "expected " + std::to_string(length) + " values, weight", index);
    return vector.values();
  }

  float constant(int32_t index) const {
    check(index >= 0 && static_cast<size_t>(index) < d_.constants.size(), "constant", index);
    return d_.constants[index];
  }

  std::vector<Port> ports(const std::vector<int32_t>& numbers, size_t size, const char* name) {
    if (numbers.size() % size != 0 || numbers.size() / size > kMaxPorts)
      fail(std::string(name) + "s: " + std::to_string(numbers.size()) + " numbers");
    std::vector<Port> ports;
    for (size_t i = 0; i < numbers.size(); i += size) {
      where_ = std::string(name) + " " + std::to_string(i / size) + ": ";
      const int32_t* at = &numbers[i];
      check(at[4] == 0 || at[4] == 1, "dtype", at[4]);
      ports.push_back({view(at, at[3]), at[3], static_cast<DType>(at[4]), size > 5 ? at[5] : -1});
    }
    return ports;
  }

  void readCaches() {
    where_ = "caches: ";
    if (d_.caches.size() % 2 != 0 || d_.caches.size() / 2 > kMaxPorts)
      fail(std::to_string(d_.caches.size()) + " numbers");
    for (size_t i = 0; i < d_.caches.size(); i += 2) {
      check(d_.caches[i] >= 1 && d_.caches[i] <= kMaxHeads, "kvHeads", d_.caches[i]);
      check(d_.caches[i + 1] >= 1 && d_.caches[i + 1] <= kMaxHeadDim, "headDim", d_.caches[i + 1]);
      code_.caches.push_back({d_.caches[i], d_.caches[i + 1]});
    }
    cacheUsed_.resize(code_.caches.size());
  }

  void readInputs() {
    code_.inputs = ports(d_.inputs, 5, "input");
    for (size_t i = 0; i < code_.inputs.size(); i++) {
      where_ = "input " + std::to_string(i) + ": ";
      for (size_t j = 0; j < i; j++) {
        const Port &a = code_.inputs[i], &b = code_.inputs[j];
        check(!overlap(a.view, a.width, b.view, b.width), "overlaps input", static_cast<int64_t>(j));
      }
    }
  }

  void readTables() {
    if (d_.tables.size() > kMaxPorts) fail(std::to_string(d_.tables.size()) + " tables");
    for (size_t i = 0; i < d_.tables.size(); i++) {
      const ProgramDescription::Table& table = d_.tables[i];
      where_ = "table " + std::to_string(i) + ": ";
      const int64_t half = static_cast<int64_t>(table.frequencies.size());
      check(half >= 1 && half <= kMaxHeadDim / 2, "frequencies", half);
      const int64_t inputs = static_cast<int64_t>(code_.inputs.size());
      check(table.positions >= 0 && table.positions < inputs, "input", table.positions);
      const Port& positions = code_.inputs[table.positions];
      check(positions.dtype == DType::kI32 && positions.width == 1, "expected one i32 per row, input", table.positions);
      code_.tables.push_back({code_.tableWidth, static_cast<int32_t>(half), positions.view});
      code_.tableWidth += static_cast<int32_t>(2 * half);
    }
  }

  void readOutputs() {
    code_.outputs = ports(d_.outputs, 6, "output");
    for (size_t i = 0; i < code_.outputs.size(); i++) {
      const int32_t last = code_.outputs[i].lastOp;
      where_ = "output " + std::to_string(i) + ": ";
      check(last >= -1 && last < static_cast<int64_t>(code_.stepsThrough.size()), "lastOp", last);
    }
  }

  void readOps() {
    const std::vector<int32_t>& ops = d_.ops;
    if (ops.size() > kMaxOps) fail(std::to_string(ops.size()) + " numbers in ops");
    for (size_t at = 0; at < ops.size();) {
      const int32_t opcode = ops[at];
      where_ = "operation " + std::to_string(code_.stepsThrough.size()) + ": ";
      check(opcode >= 0 && opcode < static_cast<int32_t>(std::size(kOpcodes)), "opcode", opcode);
      const OpcodeInfo& info = kOpcodes[opcode];
      where_ += std::string(info.name) + ": ";
      check(info.size <= ops.size() - at, "operands end after", static_cast<int64_t>(ops.size() - at));
      readOp(static_cast<Opcode>(opcode), &ops[at + 1]);
      code_.stepsThrough.push_back(code_.steps.size());
      at += info.size;
    }
  }

  void readOp(Opcode opcode, const int32_t* a) {
    Step step{};
    step.opcode = opcode;
    switch (opcode) {
      case Opcode::kLinear:
        return linear(step, a);
      case Opcode::kRmsNorm: {
        step.width = a[7];
        step.count = a[8];
        check(step.width >= 1, "width", step.width);
        check(step.count >= 1, "groups", step.count);
        step.vector = vector(a[6], step.width);
        step.scalar = constant(a[9]);
        const int64_t all = int64_t{step.width} * step.count;
        return add(step, {columns(a, all)}, {columns(a + 3, all)}, true);
      }
      case Opcode::kRope: {
        step.count = a[6];
        step.width = a[7];
        checkHeads("heads", step.count, step.width);
        check(a[8] >= 0 && static_cast<size_t>(a[8]) < code_.tables.size(), "table", a[8]);
        const TablePlan& table = code_.tables[a[8]];
        check(2 * table.half == step.width, "table for headDim " + std::to_string(2 * table.half) + ", headDim",
              step.width);
        step.table = table.at;
        const int64_t all = int64_t{step.width} * step.count;
        return add(step, {columns(a, all), {kTables, 1}}, {columns(a + 3, all)}, true);
      }
      case Opcode::kAttention:
        return attention(step, a);
      case Opcode::kSiluMul:
      case Opcode::kAdd:
        step.width = a[9];
        return add(step, {columns(a, a[9]), columns(a + 3, a[9])}, {columns(a + 6, a[9])}, true, true);
      case Opcode::kArgmax:
        step.width = a[6];
        return add(step, {columns(a, a[6])}, {columns(a + 3, 1)}, true);
      case Opcode::kTopK:
        step.width = a[9];
        step.count = a[10];
        check(step.count >= 1 && step.count <= step.width, "k", step.count);
        return add(step, {columns(a, a[9])}, {columns(a + 3, a[10]), columns(a + 6, a[10])}, true);
      case Opcode::kSoftmax:
      case Opcode::kLogSoftmax:
        step.width = a[6];
        return add(step, {columns(a, a[6])}, {columns(a + 3, a[6])}, true);
      case Opcode::kSilu:
        step.width = a[6];
        return add(step, {columns(a, a[6])}, {columns(a + 3, a[6])}, true, true);
      case Opcode::kQuantise:
        break;
    }
  }

  void linear(Step& step, const int32_t* a) {
    const Weight& linear = weight(a[6], false);
    const Columns in = columns(a, linear.k()), out = columns(a + 3, linear.n());
    step.weight = linear.linear();
    step.width = linear.k();
    check(a[7] >= -1, "bias", a[7]);
    step.vector = a[7] < 0 ? nullptr : vector(a[7], linear.n());
    if (linear.type() == WeightType::kF32) return add(step, {in}, {out}, false);
    step.quantisedStride = roundUp(d_.kernels->quantisedRowBytes(linear.type(), linear.k()), 64);
    checkOverlap({in}, {out}, false);
    const bool held = quantised_.type == linear.type() && sameBuffer(quantised_.view, in.view) &&
                      quantised_.view.start == in.view.start && quantised_.width == in.width;
    if (!held) {
      Step quantise = step;
      quantise.opcode = Opcode::kQuantise;
      code_.quantisedRowBytes = std::max(code_.quantisedRowBytes, step.quantisedStride);
      add(quantise, {in}, {{kQuantised, 1}}, true);
      quantised_ = {in.view, in.width, linear.type()};
    }
    // What its sums are made of is no longer the view but the quantised rows.
    step.in[0] = in.view;
    add(step, {{kQuantised, 1}}, {out}, false);
  }

  void attention(Step& step, const int32_t* a) {
    step.cache = a[12];
    step.count = a[13];
    step.kvHeads = a[14];
    step.width = a[15];
    step.scalar = constant(a[16]);
    checkHeads("heads", step.count, step.width);
    checkHeads("kvHeads", step.kvHeads, step.width);
    check(step.count % step.kvHeads == 0, std::to_string(step.count) + " heads do not share evenly kvHeads",
          step.kvHeads);
    check(step.cache >= 0 && static_cast<size_t>(step.cache) < code_.caches.size(), "cache", step.cache);
    check(code_.caches[step.cache] == CacheSpec{step.kvHeads, step.width},
          "kvHeads or headDim differ from those of cache", step.cache);
    check(!cacheUsed_[step.cache], "a second use of cache", step.cache);
    cacheUsed_[step.cache] = true;
    const int32_t window = a[17];
    check(window == -1 || window >= 1, "window", window);
    auto known = std::find(code_.windows.begin(), code_.windows.end(), window);
    step.window = static_cast<int32_t>(known - code_.windows.begin());
    if (known == code_.windows.end()) code_.windows.push_back(window);
    code_.lastAttention = static_cast<int32_t>(code_.stepsThrough.size());
    code_.maxQueries = std::max(code_.maxQueries, step.count / step.kvHeads);
    const int64_t all = int64_t{step.count} * step.width, shared = int64_t{step.kvHeads} * step.width;
    add(step, {columns(a, all), columns(a + 3, shared), columns(a + 6, shared)}, {columns(a + 9, all)}, false);
  }

  Columns columns(const int32_t* at, int64_t width) const {
    const View checked = view(at, width);  // then the width fits 32 bits
    return {checked, static_cast<int32_t>(width)};
  }

  void checkHeads(const char* name, int32_t heads, int32_t headDim) const {
    check(heads >= 1 && heads <= kMaxHeads, name, heads);
    check(headDim >= 1 && headDim <= kMaxHeadDim, "headDim", headDim);
  }

  void checkOverlap(const std::vector<Columns>& reads, const std::vector<Columns>& writes, bool inPlace) const {
    for (const Columns& write : writes) {
      for (const Columns& read : reads) {
        if (inPlace && sameBuffer(read.view, write.view) && read.view.start == write.view.start) continue;
        check(!overlap(read.view, read.width, write.view, write.width),
              "writes what it reads: buffer at", write.view.offset);
      }
    }
    if (writes.size() > 1)
      check(!overlap(writes[0].view, writes[0].width, writes[1].view, writes[1].width),
            "its outputs overlap: buffer at", writes[0].view.offset);
  }

  // Adds a step that reads and writes these views. `byRow`: row by row.
  void add(Step& step, const std::vector<Columns>& reads, const std::vector<Columns>& writes, bool byRow,
           bool inPlace = false) {
    checkOverlap(reads, writes, inPlace);
    std::vector<Access> accesses;
    for (size_t i = 0; i < reads.size(); i++) {
      if (reads[i].view.offset < code_.arenaWidth) step.in[i] = reads[i].view;
      accesses.push_back({reads[i].view, reads[i].width, false});
    }
    for (size_t i = 0; i < writes.size(); i++) {
      if (writes[i].view.offset < code_.arenaWidth) step.out[i] = writes[i].view;
      accesses.push_back({writes[i].view, writes[i].width, true});
      if (overlap(writes[i].view, writes[i].width, quantised_.view, quantised_.width)) quantised_ = {};
    }
    const size_t at = code_.steps.size();
    if (!byRow || !code_.phases.back().byRow || !phase_.admit(accesses)) {
      code_.phases.push_back({at, at, byRow});
      phase_.clear();
      phase_.admit(accesses);
    }
    code_.phases.back().end = at + 1;
    for (const Columns& read : reads) code_.phases.back().width += read.width;
    code_.steps.push_back(step);
  }

  const ProgramDescription& d_;
  Code code_;
  std::string where_;  // what is being read, for messages
  RowPhase phase_;
  std::vector<bool> cacheUsed_;
  // The rows that lie quantised in scratch memory; type f32: none.
  struct {
    View view{-1, 0, 0};
    int32_t width = 0;
    WeightType type = WeightType::kF32;
  } quantised_;
};

}  // namespace

Code compile(const ProgramDescription& description) { return Compiler(description).compile(); }

}  // namespace paceline
