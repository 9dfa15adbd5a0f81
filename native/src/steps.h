// What a program becomes when it is loaded: steps with their operands resolved and checked, in phases (see pool.h).
// The format that this is read from is described in program.h.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "cache.h"
#include "weight.h"

namespace paceline {

struct ProgramDescription;

enum class DType : int32_t { kF32 = 0, kI32 = 1 };

enum class Opcode : int32_t {
  kLinear = 0,
  kRmsNorm,
  kRope,
  kAttention,
  kSiluMul,
  kAdd,
  kArgmax,
  kTopK,
  kSoftmax,
  kLogSoftmax,
  kSilu,
  // Not written by anyone: the rows of a LINEAR's input are quantised in a step of their own.
  kQuantise,
};

struct View {
  int32_t offset, stride, start;
};

struct Step {
  Opcode opcode;
  View in[3];    // what it reads, in the order of the format
  View out[2];
  int32_t width;  // of the first input; of one head (ROPE, ATTENTION) or group (RMSNORM)
  int32_t count;  // groups, heads; k of TOPK
  int32_t kvHeads, cache, window;
  int32_t table;  // floats per row before this table's values
  float scalar;   // eps, scale
  const float* vector;  // gain; bias or null
  LinearWeight weight;
  size_t quantisedStride;  // bytes between quantised rows
};

// Steps begin .. end - 1. Either all work row by row, and a chunk is some rows through all of them, or it is one LINEAR
// or ATTENTION, divided in its own way. The first phase is by row; its chunks begin with inputs and tables of their rows.
struct Phase {
  size_t begin, end;
  bool byRow;
  int64_t width = 0;  // by row: floats of a row that its steps read, all together
};

struct Port {
  View view;
  int32_t width;
  DType dtype;
  int32_t lastOp;  // of an output
};

struct TablePlan {
  int32_t at;       // floats per row before its values: cos, then sin
  int32_t half;     // frequencies
  View positions;
};

struct Code {
  int32_t arenaWidth = 0;
  int32_t tableWidth = 0;        // floats per row of all tables
  size_t quantisedRowBytes = 0;  // the most that any step needs
  std::vector<Step> steps;
  std::vector<Phase> phases;
  std::vector<size_t> stepsThrough;  // [ops]: steps up to and including this operation
  std::vector<Port> inputs, outputs;
  std::vector<TablePlan> tables;
  std::vector<CacheSpec> caches;
  std::vector<int32_t> windows;  // distinct ones; a step's `window` is an index into them
  int32_t lastAttention = -1;    // operation
  int32_t maxQueries = 0;        // query heads per key head
};

// Throws Error when the description breaks a rule of the format.
Code compile(const ProgramDescription& description);

}  // namespace paceline
