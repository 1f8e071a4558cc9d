// Programs of several stages, and of stages that repeat: one block of points at a time.
//
// Between steps the states of a block lie in lane arrays, [index][lane]. An adjoint sweep needs the
// state before each step once more, in reverse order: the schedules of engine/ad/checkpointing.h
// say which states are kept and which are recomputed. The intermediate values within a step are
// never kept: the adjoint routine of a step computes them again from its state, while they are in
// the cache.

#ifndef SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_
#define SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_

#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "engine/program/definition.h"
#include "engine/program/evolution_sweep.h"
#include "engine/program/program.h"
#include "engine/program/reverser.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

class Evolution {
 public:
  // `definition` outlives the evolution. max_state_bytes: of ProgramLimits.
  Evolution(const Definition& definition, LaneKind kind, Index max_state_bytes);
  ~Evolution();

  // Every lane of the request's grid by itself. `upper`, for intervals, holds the upper bounds of
  // all arrays of `request`; else it is null. Thread-safe. Throws Error(kCancelled) when `stop`
  // fires, and as RequireStatesFit (reverser.h) does.
  void Run(const ProductRequest& request, const ProductRequest* upper, const Settings& settings,
           const std::stop_token& stop);

  // What an adjoint sweep over a block does.
  ReversalCounts Count(const Settings& settings, bool with_tangents) const;

 private:
  void RunBlock(const EvolutionBlock& block, const Settings& settings, const std::stop_token& stop);
  std::unique_ptr<StatePool> TakePool();

  const LaneKernels& kernels_;
  const Index lanes_;  // Of a block, the same for all routines.
  EvolutionPlan plan_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<StatePool>> pools_;  // Of no sweep. Guarded by mutex_.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EVOLUTION_H_
