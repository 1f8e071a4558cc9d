// Replays a trace on blocks of points: one point per lane.
//
// A Replayer is immutable and shared. It chooses how many lanes a block has such that the values of
// a block stay in the second-level cache, and keeps workspaces for the threads that replay it.

#ifndef SOBOLEV_ENGINE_PROGRAM_REPLAY_H_
#define SOBOLEV_ENGINE_PROGRAM_REPLAY_H_

#include <memory>
#include <mutex>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/program/kernels.h"
#include "engine/program/machine_code.h"
#include "engine/program/trace.h"

namespace sobolev::program {

// Zeroed memory aligned to 64 bytes.
class LaneBuffer {
 public:
  explicit LaneBuffer(std::size_t size = 0) : lines_((size + kPerLine - 1) / kPerLine) {}
  double* data() { return lines_.empty() ? nullptr : lines_.front().elements; }

 private:
  static constexpr std::size_t kPerLine = 8;
  struct alignas(64) Line {
    double elements[kPerLine] = {};
  };
  std::vector<Line> lines_;
};

const LaneKernels& KernelsOf(Isa isa);

// What a lane holds, and how it computes.
enum class LaneKind {
  kFast,      // Numbers, with fused multiply-adds and vector functions.
  kStrict,    // Numbers, each operation rounded as <cmath> and IEEE 754 say.
  kInterval,  // Closed intervals with outward rounding.
};

// What replays instructions.
enum class Executor {
  kAutomatic,    // Machine code (machine_code.h) where it can be had, for fast arithmetic.
  kInterpreter,  // The kernels (kernels.h).
};

class Replayer {
 public:
  // `lanes` is 1, 2, 4 or 8 registers of `isa`, or 0 to choose.
  Replayer(const InstructionList& list, LaneKind kind, Isa isa = BestIsa(), Index lanes = 0,
           Executor executor = Executor::kAutomatic);

  const Trace& trace() const { return trace_; }
  LaneKind kind() const { return kind_; }
  Index lanes() const { return lanes_; }
  // Doubles from slot to slot: a number per lane, or two bounds.
  Index stride() const { return kind_ == LaneKind::kInterval ? 2 * lanes_ : lanes_; }
  // How many lanes take part if `points` are wanted: machine code has no use for the others.
  Index LanesUsed(Index points) const {
    return code_ == nullptr ? lanes_
                            : (points + kernels_.width - 1) / kernels_.width * kernels_.width;
  }
  const LaneKernels& kernels() const { return kernels_; }
  // Null if the interpreter replays.
  const MachineCode* code() const { return code_.get(); }

  // The slots of one block, with constants in place. Returned to the replayer when destroyed.
  class Workspace {
   public:
    explicit Workspace(const Replayer& replayer);
    ~Workspace();
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    // [slot][lane], or [slot][lower, upper][lane]. Inputs are slots 0, 1, … in the order of
    // Trace::input_indices.
    double* slots() { return buffer_->data(); }
    // Executes the trace on all lanes.
    void Run() { Run(replayer_.lanes()); }
    // The same on the first `points` lanes. Lanes up to LanesUsed(points) must be loaded, too.
    void Run(Index points);
    // Executes the trace on all lanes as a step of many. `doubts`, for intervals, has a number per
    // lane, zero before the first step, and goes from step to step (doubts.h).
    void RunStep(double* doubts);

   private:
    void Interpret(double* doubts, DoubtScope scope);

    const Replayer& replayer_;
    std::unique_ptr<LaneBuffer> buffer_;
  };

 private:
  // Returning it takes no memory: room for all buffers that were ever taken is kept.
  std::unique_ptr<LaneBuffer> TakeBuffer() const;

  Trace trace_;
  bool starts_in_doubt_ = false;  // For intervals, which have their doubts behind the slots.
  LaneKind kind_;
  const LaneKernels& kernels_;
  std::unique_ptr<const MachineCode> code_;
  Index lanes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<LaneBuffer>> free_;  // Guarded by mutex_.
  mutable std::size_t num_buffers_ = 0;  // Free ones and others. Guarded by mutex_.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_REPLAY_H_
