// Programs of several stages, and of stages that repeat: one block of points at a time.
//
// Between steps the states of a block lie in lane arrays, [index][lane]. An adjoint sweep needs the
// state before each step once more, in reverse order: the schedules of engine/ad/checkpointing.h
// say which states are kept and which are recomputed. The intermediate values within a step are
// never kept: the adjoint routine of a step computes them again from its state, while they are in
// the cache.

#ifndef SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_
#define SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/program/program.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

// The routines of one stage, derived when first asked for. Thread-safe.
class StageRoutines {
 public:
  // `stage` outlives the routines.
  StageRoutines(const Stage& stage, LaneKind kind, Index lanes)
      : stage_(stage), kind_(kind), lanes_(lanes) {}

  const Stage& stage() const { return stage_; }
  const Routine& value();
  const Routine& tangent();
  const Routine& adjoint();
  const Routine& second_order();

 private:
  const Stage& stage_;
  const LaneKind kind_;
  const Index lanes_;
  std::once_flag once_[4];
  std::unique_ptr<const Routine> routines_[4];
};

class Evolution {
 public:
  // `definition` outlives the evolution.
  Evolution(const Definition& definition, LaneKind kind);
  ~Evolution();

  // Every lane of the request's grid by itself. `upper`, for intervals, holds the upper bounds of
  // all arrays of `request`; else it is null. Thread-safe. Throws Error(kCancelled) when `stop`
  // fires.
  void Run(const ProductRequest& request, const ProductRequest* upper, const Settings& settings,
           const std::stop_token& stop);

  // Lanes of a block.
  Index lanes() const { return lanes_; }

 private:
  // A block: lane arrays of n, n, m and m elements; x_dot and y_bar may be null, and so may
  // results.
  struct Block {
    const double* x = nullptr;
    const double* x_dot = nullptr;
    const double* y_bar = nullptr;
    double* y = nullptr;
    double* y_dot = nullptr;      // Needs x_dot.
    double* x_bar = nullptr;      // Needs y_bar.
    double* x_bar_dot = nullptr;  // Needs both.
  };
  void RunBlock(const Block& block, const Settings& settings, const std::stop_token& stop);

  class Sweep;
  class StatePool;
  using State = std::vector<double>;

  std::unique_ptr<StatePool> TakePool();
  void ReturnPool(std::unique_ptr<StatePool> pool);

  std::vector<std::unique_ptr<StageRoutines>> stages_;
  const LaneKernels& kernels_;
  Index lanes_ = 0;   // The same for all routines, and
  Index stride_ = 0;  // doubles per element of a lane array.
  std::mutex mutex_;
  std::vector<std::unique_ptr<StatePool>> pools_;  // Of no sweep. Guarded by mutex_.
};

// What an adjoint sweep over a block of `lanes` points does, by playing its schedules.
ReversalCounts CountReversal(const Definition& definition, const Settings& settings, Index lanes);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_
