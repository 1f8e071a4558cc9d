// One sweep of a program's stages over one block of points, forward and, if wanted, back.

#ifndef SOBOLEV_ENGINE_PROGRAM_EVOLUTION_SWEEP_H_
#define SOBOLEV_ENGINE_PROGRAM_EVOLUTION_SWEEP_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/ad/checkpointing.h"
#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/program/program.h"
#include "engine/program/replay.h"
#include "engine/program/reverser.h"

namespace sobolev::program {

// The routines of one stage, derived when first asked for. Thread-safe.
class StageRoutines {
 public:
  // `stage` outlives the routines.
  StageRoutines(const Stage& stage, LaneKind kind, Index lanes)
      : stage_(stage), kind_(kind), lanes_(lanes) {}

  const Stage& stage() const { return stage_; }
  const Routine& value() { return Get(0, MakeValue); }
  const Routine& tangent() { return Get(1, MakeTangent); }
  const Routine& adjoint() { return Get(2, MakeAdjoint); }
  const Routine& second_order() { return Get(3, MakeSecondOrder); }

 private:
  using Maker = std::unique_ptr<const Routine>(const Stage& stage, LaneKind kind, Index lanes);

  const Routine& Get(int number, Maker* make);

  const Stage& stage_;
  const LaneKind kind_;
  const Index lanes_;
  std::once_flag once_[4];
  std::unique_ptr<const Routine> routines_[4];
};

// A block: lane arrays of n, n, m and m elements; x_dot and y_bar may be null, and so may results.
struct EvolutionBlock {
  const double* x = nullptr;
  const double* x_dot = nullptr;
  const double* y_bar = nullptr;
  double* y = nullptr;
  double* y_dot = nullptr;      // Needs x_dot.
  double* x_bar = nullptr;      // Needs y_bar.
  double* x_bar_dot = nullptr;  // Needs both.
};

// States that are not in use, with their memory, so that the steps of a sweep allocate none once
// the pool is filled. Of one sweep at a time.
class StatePool {
 public:
  using State = std::vector<double>;

  State Take();
  void Return(State state) { free_.push_back(std::move(state)); }
  // Frees states until the others take no more than max_bytes.
  void Trim(std::size_t max_bytes);

 private:
  std::vector<State> free_;
};

// What all sweeps of an evolution share. The references outlive them.
struct EvolutionPlan {
  const Definition& definition;
  std::vector<std::unique_ptr<StageRoutines>> stages;
  Index stride = 0;           // Doubles per element of a lane array.
  Index max_state_bytes = 0;  // ProgramLimits.

  StateSizes Sizes(bool with_tangents) const;
};

// A state is z, or z and ż one after the other.
class EvolutionSweep {
 public:
  // The references outlive the sweep.
  EvolutionSweep(const EvolutionPlan& plan, const Settings& settings, StatePool& pool,
                 const std::stop_token& stop);

  // Once. Throws Error(kCancelled) when `stop` fires.
  void Run(const EvolutionBlock& block);

 private:
  using State = StatePool::State;

  // A stage on its way back.
  struct StageReversal {
    Reverser reverser;
    ad::ReversalAction pending;  // The first reverse action.
    std::vector<State> stored;   // By slot.
    std::vector<State> taped;    // States before the taped steps, the last step's at the back.
  };

  void Append(const double* array, Index count, State& state) const;
  void CopyOut(const State& state, Index first, Index count, double* array) const;
  void LoadStep(Replayer::Workspace& workspace, const Routine& routine, const StageRoutines& stage,
                const State& state, Index step);
  // The current state becomes the one after `step`. `before` may be the current state.
  void Advance(StageRoutines& stage, Index step, const State& before);
  // The current adjoints become those before `step`, whose state is given.
  void Reverse(StageRoutines& stage, Index step, const State& state);
  // Any action. `needs_end` says that the state after taped steps matters.
  void Perform(StageRoutines& stage, const ad::ReversalAction& action, StageReversal& reversal,
               bool needs_end);
  // Runs the stage forward, up to where its schedule first reverses.
  void StartReversal(StageRoutines& stage);
  void FinishReversal(StageRoutines& stage, StageReversal& reversal);

  const EvolutionPlan& plan_;
  const Index stride_;
  const Settings& settings_;
  StatePool& pool_;
  const std::stop_token& stop_;
  bool has_tangent_ = false;
  State state_;
  State bar_;
  State counter_;
  LaneBuffer doubts_;  // Of intervals, by lane, from step to step (doubts.h).
  std::vector<StageReversal> reversals_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EVOLUTION_SWEEP_H_
