#include "engine/program/evolution_sweep.h"

#include <algorithm>

#include "engine/base/stop.h"
#include "engine/program/sweep.h"

namespace sobolev::program {
namespace {

Index OutputSize(const StageRoutines& stage) {
  return static_cast<Index>(stage.stage().outputs.size());
}

}  // namespace

const Routine& StageRoutines::Get(int number, Maker* make) {
  std::call_once(once_[number], [&] { routines_[number] = make(stage_, kind_, lanes_); });
  return *routines_[number];
}

StateSizes EvolutionPlan::Sizes(bool with_tangents) const {
  return {.element = (with_tangents ? 2 : 1) * stride * Index{sizeof(double)},
          .max_states = max_state_bytes};
}

StatePool::State StatePool::Take() {
  if (free_.empty()) return {};
  State state = std::move(free_.back());
  free_.pop_back();
  return state;
}

void StatePool::Trim(std::size_t max_bytes) {
  std::size_t bytes = 0;
  const auto end = std::find_if(free_.begin(), free_.end(), [&](const State& state) {
    bytes += state.capacity() * sizeof(double);
    return bytes > max_bytes;
  });
  free_.erase(end, free_.end());
}

EvolutionSweep::EvolutionSweep(const EvolutionPlan& plan, const Settings& settings, StatePool& pool,
                               const std::stop_token& stop)
    : plan_(plan),
      stride_(plan.stride),
      settings_(settings),
      pool_(pool),
      stop_(stop),
      counter_(static_cast<std::size_t>(stride_)),
      doubts_(static_cast<std::size_t>(stride_)) {}

void EvolutionSweep::Run(const EvolutionBlock& block) {
  has_tangent_ = block.x_dot != nullptr;
  const bool has_adjoint = block.y_bar != nullptr;
  const Index n = plan_.stages.front()->stage().state_size;
  const Index m = OutputSize(*plan_.stages.back());
  Append(block.x, n, state_);
  if (has_tangent_) Append(block.x_dot, n, state_);
  reversals_.reserve(plan_.stages.size());
  for (const auto& stage : plan_.stages) {
    if (has_adjoint) {
      StartReversal(*stage);
    } else {
      for (Index step = 0; step < stage->stage().repeat; ++step) Advance(*stage, step, state_);
    }
  }
  CopyOut(state_, 0, m, block.y);
  if (has_tangent_) CopyOut(state_, m, m, block.y_dot);
  if (!has_adjoint) return;
  Append(block.y_bar, m, bar_);
  if (has_tangent_) bar_.resize(bar_.size() * 2, 0.0);
  for (std::size_t i = plan_.stages.size(); i-- > 0;) {
    FinishReversal(*plan_.stages[i], reversals_[i]);
  }
  CopyOut(bar_, 0, n, block.x_bar);
  if (has_tangent_) CopyOut(bar_, n, n, block.x_bar_dot);
}

void EvolutionSweep::Append(const double* array, Index count, State& state) const {
  state.insert(state.end(), array, array + count * stride_);
}

void EvolutionSweep::CopyOut(const State& state, Index first, Index count, double* array) const {
  if (array != nullptr) std::copy_n(state.data() + first * stride_, count * stride_, array);
}

void EvolutionSweep::LoadStep(Replayer::Workspace& workspace, const Routine& routine,
                              const StageRoutines& stage, const State& state, Index step) {
  ThrowIfStopped(stop_);
  const Stage& definition = stage.stage();
  routine.LoadLanes(workspace, kState, state.data());
  if (definition.has_counter) {
    std::fill(counter_.begin(), counter_.end(), static_cast<double>(definition.first_count + step));
    routine.LoadLanes(workspace, kCounter, counter_.data());
  }
  if (has_tangent_) {
    routine.LoadLanes(workspace, 2, state.data() + definition.state_size * stride_);
  }
}

void EvolutionSweep::Advance(StageRoutines& stage, Index step, const State& before) {
  const Routine& routine = has_tangent_ ? stage.tangent() : stage.value();
  Replayer::Workspace workspace(routine.replayer());
  LoadStep(workspace, routine, stage, before, step);
  workspace.RunStep(doubts_.data());
  const Index m = OutputSize(stage);
  state_.resize(static_cast<std::size_t>((has_tangent_ ? 2 : 1) * m * stride_));
  routine.StoreLanes(workspace, 0, state_.data());
  if (has_tangent_) routine.StoreLanes(workspace, 1, state_.data() + m * stride_);
}

void EvolutionSweep::Reverse(StageRoutines& stage, Index step, const State& state) {
  const Routine& routine = has_tangent_ ? stage.second_order() : stage.adjoint();
  Replayer::Workspace workspace(routine.replayer());
  LoadStep(workspace, routine, stage, state, step);
  const Index m = OutputSize(stage);
  const int first = has_tangent_ ? 3 : 2;
  routine.LoadLanes(workspace, first, bar_.data());
  if (has_tangent_) routine.LoadLanes(workspace, first + 1, bar_.data() + m * stride_);
  workspace.RunStep(doubts_.data());
  const Index n = stage.stage().state_size;
  bar_.resize(static_cast<std::size_t>((has_tangent_ ? 2 : 1) * n * stride_));
  routine.StoreLanes(workspace, 0, bar_.data());
  if (has_tangent_) routine.StoreLanes(workspace, 1, bar_.data() + n * stride_);
}

void EvolutionSweep::Perform(StageRoutines& stage, const ad::ReversalAction& action,
                             StageReversal& reversal, bool needs_end) {
  using Kind = ad::ReversalAction::Kind;
  switch (action.kind) {
    case Kind::kStore:
      while (reversal.stored.size() <= static_cast<std::size_t>(action.slot)) {
        reversal.stored.push_back(pool_.Take());
      }
      reversal.stored[action.slot] = state_;
      return;
    case Kind::kRestore:
      state_ = reversal.stored[action.slot];
      return;
    case Kind::kAdvance:
      for (Index i = 0; i < action.count; ++i) Advance(stage, action.step + i, state_);
      return;
    case Kind::kTape:
      for (Index i = 0; i < action.count; ++i) {
        reversal.taped.push_back(std::exchange(state_, pool_.Take()));
        if (needs_end || i + 1 < action.count) {
          Advance(stage, action.step + i, reversal.taped.back());
        }
      }
      return;
    case Kind::kReverse:
      for (Index i = action.count; i-- > 0;) {
        Reverse(stage, action.step + i, reversal.taped.back());
        pool_.Return(std::move(reversal.taped.back()));
        reversal.taped.pop_back();
      }
      return;
  }
}

void EvolutionSweep::StartReversal(StageRoutines& stage) {
  reversals_.push_back(
      {.reverser = Reverser(plan_.definition, stage.stage(), settings_, plan_.Sizes(has_tangent_)),
       .pending = {}});
  StageReversal& reversal = reversals_.back();
  while (const auto action = reversal.reverser.Next()) {
    if (action->kind == ad::ReversalAction::Kind::kReverse) {
      reversal.pending = *action;
      return;
    }
    Perform(stage, *action, reversal, true);
  }
}

void EvolutionSweep::FinishReversal(StageRoutines& stage, StageReversal& reversal) {
  Perform(stage, reversal.pending, reversal, false);
  while (const auto action = reversal.reverser.Next()) Perform(stage, *action, reversal, false);
  for (State& state : reversal.stored) pool_.Return(std::move(state));
  reversal.stored.clear();
}

}  // namespace sobolev::program
