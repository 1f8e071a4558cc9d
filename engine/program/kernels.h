// The inner loops of a replay, as one table of functions per instruction set.
//
// A trace keeps its values in slots; a slot holds one value of every point of a block, side by side
// in the lanes of one or more registers. Instructions of one operation that follow each other are a
// group, so that the operation is looked up once for many of them. The order within a group is the
// order of execution: an instruction may use the result of the one before it.
//
// The operands of a group's instructions lie one after the other:
//   one, two, three operands   result, a (, b (, c))
//   kSinCos                    sine, cosine, a
//   kSumOfProducts             result, number of runs, then per run: RunKind, number of terms, and
//                              a of each term, or a and b for products
// Every result may have the slot of an operand of its instruction.
//
// In a chain each instruction continues the one before it: its carried operand (the first of a
// product, sum or difference, the addend of a multiply-add) is the previous result, which stays in
// registers. Reading it back from its slot would cost several times the operation.
//
// This header includes nothing that has inline functions: see opcode.h.

#ifndef SOBOLEV_ENGINE_PROGRAM_KERNELS_H_
#define SOBOLEV_ENGINE_PROGRAM_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/opcode.h"

namespace sobolev::program {

struct Group {
  Op op;
  bool is_chain;
  uint8_t doubts = 0;  // On intervals: DoubtScopes in which the group writes or reads doubts.
  uint32_t count;      // Instructions.
  uint32_t offset;     // Of their operands.
};

// A doubt of a lane says that some operation before, somewhere in the lane's box, may have had an
// infinite value or none. Comparisons with NaN are false, so with a doubt no comparison of such
// values is certain (doubts.h).
enum DoubtScope : uint8_t {
  kWithinTrace = 1,   // Every replay starts without doubts.
  kAcrossTraces = 2,  // Doubts come with the inputs and go with the outputs.
};

// How a run of terms enters a sum. The first term of a sum is never subtracted.
enum RunKind : uint32_t { kPlus, kMinus, kPlusProduct, kMinusProduct };

// The instructions of a trace over one block of points.
struct BlockRun {
  const Group* groups;
  size_t num_groups;
  const uint32_t* operands;
  double* slots;        // Aligned to 64 bytes.
  ptrdiff_t registers;  // Per slot: 1, 2, 4 or 8.
  // On intervals: a number per lane, 1 for a doubt and 0 for none, and what they are for.
  double* doubts;
  DoubtScope scope;
  // Elementary functions of strict arithmetic, one lane at a time.
  double (*apply)(Op op, double a, double b, double c);
};

// Numbers of the points of a block: `lanes` rows of which elements `indices` are meant.
struct RowRun {
  const uint32_t* indices;
  ptrdiff_t count;
  ptrdiff_t lanes;   // A multiple of the lanes of a register.
  ptrdiff_t stride;  // From slot to slot: lanes, or twice as many if slots hold intervals.
  ptrdiff_t pitch;   // From each row to the next if that is the same for all and positive, else 0.
};

// A function on one register: Vec f(Vec) or Vec f(Vec, Vec), and for kSinCos
// void f(Vec, double* results), which stores the sines and then the cosines.
using RegisterFunction = void (*)();

struct LaneKernels {
  ptrdiff_t width;  // Lanes of a register.
  void (*run_fast)(const BlockRun& run);
  void (*run_strict)(const BlockRun& run);
  // On intervals: a slot holds the lower bounds of all lanes, then the upper bounds.
  void (*run_interval)(const BlockRun& run);
  // The function that run_fast applies for an operation, of those that machine code calls
  // (machine_code.h); null for the others.
  RegisterFunction (*function)(Op op);
  // slots[k·stride + lane] = rows[lane][indices[k]]. Of rows with a pitch only rows[0] is read.
  void (*load)(const RowRun& run, const double* const* rows, double* slots);
  // rows[lane][indices[k]] = base[slot_of[k]·stride + lane] for the first `points` lanes. Of rows
  // with a pitch only rows[0] is read.
  void (*store)(const RowRun& run, const double* base, const uint32_t* slot_of, ptrdiff_t points,
                double* const* rows);
};

// The tables; calling a function of one that the processor does not support is undefined.
extern const LaneKernels kSse2LaneKernels;
extern const LaneKernels kAvx2LaneKernels;
extern const LaneKernels kAvx512LaneKernels;

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_KERNELS_H_
