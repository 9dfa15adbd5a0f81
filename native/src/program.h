// A program: a flat list of kernel calls over an arena, written in TypeScript, checked when loaded, run here.
//
// ---------------------------------------------------------------------------------------------------------------------
// The format (`new Program(pool, description)`)
//
//   description = {
//     arenaWidth: number          // floats per row of the whole arena, 1 .. 2^24
//     ops:        Int32Array      // operations one after another: opcode, then its operands (fixed number per opcode)
//     constants:  Float32Array    // operands named `const` are indices into it
//     weights:    Weight[]        // operands named `weight`, `vector` are indices into it; all rows must be filled in
//     inputs:     Int32Array      // per input:  offset, stride, start, width, dtype               (5 numbers)
//     outputs:    Int32Array      // per output: offset, stride, start, width, dtype, lastOp       (6 numbers)
//     caches:     Int32Array      // per attention layer: kvHeads, headDim                         (2 numbers)
//     tables:     { frequencies: Float64Array, scale: number, positions: number }[]
//                                 // positions: index of an i32 input of width 1
//     isa?:       string          // an entry of availableIsas(), isa() unless given; that of all its linear weights
//   }
//   dtype: 0 f32, 1 i32.
//
// Views. The arena is planned in floats per row. A *buffer* takes `stride` floats per row from `offset` on; in a run
// over `rows` rows it starts at arena + offset * R (R: rows rounded up to a multiple of 16, so every buffer is 64-byte
// aligned) and its rows lie `stride` floats apart. A *view* is three numbers: offset, stride, start: columns
// start .. start + width - 1 of that buffer, where the width follows from the operation:
//
//     element [r, c] of a view = arena[offset * R + r * stride + start + c]
//
// Rules: offset >= 0, stride >= 1, offset + stride <= arenaWidth, start >= 0, start + width <= stride. Split, concat and
// reshape need no operation: they are other views of the same buffer. i32 values (positions, argmax, top-k indices)
// take the same room as f32.
//
//   opcode          operands (each `view` is 3 numbers)                                    numbers, opcode included
//   0  LINEAR       view in [k], view out [n], weight, vector bias [n] or -1                                    9
//   1  RMSNORM      view in, view out [groups * width], vector gain [width], width, groups, const eps          11
//   2  ROPE         view in, view out [heads * headDim], heads, headDim, table                                 10
//   3  ATTENTION    view q [heads * headDim], view k, view v [kvHeads * headDim], view out [heads * headDim],
//                   cache (index in `caches`), heads, kvHeads, headDim, const scale, window or -1              19
//   4  SILU_MUL     view gate, view up, view out [width], width                                                11
//   5  ADD          view a, view b, view out [width], width                                                    11
//   6  ARGMAX       view in [width], view out i32 [1], width                                                    8
//   7  TOPK         view in [width], view values [k], view indices i32 [k], width, k                           12
//   8  SOFTMAX      view in, view out [width], width                                                            8
//   9  LOG_SOFTMAX  view in, view out [width], width                                                            8
//   10 SILU         view in, view out [width], width                                                            8
//
// What an operation writes must not overlap what it reads, nor its own other output; SILU_MUL, ADD and SILU may write
// exactly a view that they read. Two views overlap when they share columns of one buffer (same offset and stride), or when
// their buffers [offset, offset + stride) of different geometry intersect. Inputs must not overlap one another. Each
// cache is used by at most one ATTENTION. A bias is added to what LINEAR computed. TOPK: falling values, lower index
// first among equals, NaN last. Rows of a quantised LINEAR are quantised once for neighbouring LINEARs over one view.
// Results are the same for any number of threads, and a row's do not depend on the other rows. Rows begin at a cache
// line where stride and start are multiples of 16: nothing asks for it, it is faster.
//
// lastOp of an output: number (from 0, counting operations) of the last operation it needs, -1 for none (an input).
// A run stops after the largest lastOp of the outputs wanted, though not before the last ATTENTION. Outputs are copied
// out at the end: no later operation may overwrite one (this is the planner's duty, it is not checked).
//
// program.run(rows, inputs, cache, parents, wanted, held = 0, riders = rows) -> TypedArray[]
//   rows: 1 .. 4096. inputs: one Float32Array or Int32Array [rows, width] per input. When `caches` is not empty, cache:
//   a Cache for the same `caches`, and parents: Int32Array [rows], -1 <= parents[i] < held + i; otherwise both null.
//   wanted: numbers of the outputs to return (Int32Array or number[]); the result has one fresh array [rows, width] for
//   each. held: how many of the rows that ran since the cache's last commit or truncate stay; the others are forgotten.
//   The rows of this run are numbered held, held + 1, .. as parents and in a commit; 0 without a cache. riders: rows of
//   this run from this one (0 .. rows) on see the cache's prefix before all else; no row does without a cache.
//
// Everything is checked: a wrong program or run is an Error (`code` 'argument', 'context' or 'runtime'), never a crash.
// ---------------------------------------------------------------------------------------------------------------------
#pragma once
#include <memory>
#include <vector>

#include "attention.h"
#include "cache.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "steps.h"
#include "weight.h"

namespace paceline {

struct ProgramDescription {
  struct Table {
    std::vector<double> frequencies;
    double scale;
    int64_t positions;
  };
  int64_t arenaWidth = 0;
  std::vector<int32_t> ops;
  std::vector<float> constants;
  std::vector<std::shared_ptr<const Weight>> weights;
  std::vector<int32_t> inputs, outputs, caches;
  std::vector<Table> tables;
  const Kernels* kernels = nullptr;
};

struct RunInput {
  DType dtype;
  const void* data;
  size_t count;
};

class Program {
 public:
  static constexpr int kMaxRows = 4096;
  // As many rows as there are: none of them is a rider.
  static constexpr int64_t kNoRiders = int64_t{1} << 62;

  // Throws Error when the description breaks a rule of the format.
  Program(std::shared_ptr<Pool> pool, ProgramDescription description);

  // Throws Error, before anything is changed, for arguments that do not fit. Then `copyOutput` gives what was wanted.
  void run(int64_t rows, const std::vector<RunInput>& inputs, Cache* cache, const int32_t* parents, size_t parentCount,
           const std::vector<int64_t>& wanted, int64_t held = 0, int64_t riders = kNoRiders);

  DType outputType(int64_t output) const { return code_.outputs[output].dtype; }
  // Elements of an output of the last run.
  size_t outputCount(int64_t output) const { return size_t{1} * rows_ * code_.outputs[output].width; }
  void copyOutput(int64_t output, void* to) const;

  const std::vector<CacheSpec>& caches() const { return code_.caches; }
  size_t bytes() const { return arena_.size() + attention_.bytes(); }

 private:
  void check(int64_t rows, const std::vector<RunInput>& inputs, const Cache* cache, size_t parentCount,
             const std::vector<int64_t>& wanted, int64_t held) const;
  void reserve(int32_t rows);
  size_t stepsFor(const std::vector<int64_t>& wanted) const;

  // What the pool runs: the phases up to step `end`.
  struct Job {
    Program& program;
    size_t end;
    int phaseCount;

    int phases() const { return phaseCount; }
    int chunks(int phase) const { return program.chunks(program.code_.phases[phase]); }
    void execute(int phase, int chunk, int thread) { program.execute(program.code_.phases[phase], end, chunk, thread); }
  };

  int chunks(const Phase& phase) const;
  void execute(const Phase& phase, size_t end, int chunk, int thread);
  void begin(int32_t firstRow, int32_t endRow);
  void fillTables(int32_t row, int32_t firstRow);
  void eachRow(const Step& step, int32_t row);
  void linear(const Step& step, int chunk);
  int linearChunks(const Step& step) const;

  float* at(const View& view, int32_t row) const;

  std::shared_ptr<Pool> pool_;
  const Kernels* kernels_;
  std::vector<std::shared_ptr<const Weight>> weights_;  // keeps what the steps point to
  std::vector<ProgramDescription::Table> tables_;
  Code code_;

  // The arena, then cos and sin of the tables, then quantised rows; each part for the rows of the largest run so far.
  Buffer arena_;

  // Of the run.
  int32_t rows_ = 0;
  size_t rowsRounded_ = 0;
  float* tableValues_ = nullptr;
  uint8_t* quantised_ = nullptr;
  const std::vector<RunInput>* inputs_ = nullptr;
  Attention attention_;
};

}  // namespace paceline
