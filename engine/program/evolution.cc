#include "engine/program/evolution.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "engine/ad/checkpointing.h"
#include "engine/base/error.h"

namespace sobolev::program {
namespace {

// With automatic reversal, what the states kept for one block may take.
constexpr Index kMaxStateBytes = Index{64} << 20;
// What the slots of one block should take; a derivative's trace keeps about this many values per
// node of the value's graph. Twice that of replay.cc: of Burgers' equation a gradient by blocks
// half as wide takes a quarter longer, as each step is looked up twice as often.
constexpr Index kBlockBytes = Index{768} << 10;
constexpr double kValuesPerNode = 1.0;

// The actions that reverse one stage, one after the other.
class Reverser {
 public:
  Reverser(Index num_steps, const Settings& settings, Index state_bytes) : num_steps_(num_steps) {
    switch (settings.reversal) {
      case Reversal::kAutomatic: {
        const Index fitting = std::max<Index>(kMaxStateBytes / std::max<Index>(state_bytes, 1), 2);
        if (fitting < num_steps) nested_.emplace(num_steps, fitting);
        return;
      }
      case Reversal::kVanilla:
        return;
      case Reversal::kMemoryPoor:
        nested_.emplace(num_steps, 1);
        return;
      case Reversal::kBinomial:
        nested_.emplace(num_steps, std::min(settings.checkpoints, num_steps));
        return;
    }
  }

  std::optional<ad::ReversalAction> Next() {
    using Kind = ad::ReversalAction::Kind;
    if (nested_) return nested_->Next();
    switch (position_++) {
      case 0:
        return ad::ReversalAction{.kind = Kind::kTape, .step = 0, .count = num_steps_};
      case 1:
        return ad::ReversalAction{.kind = Kind::kReverse, .step = 0, .count = num_steps_};
      default:
        return std::nullopt;
    }
  }

 private:
  Index num_steps_;
  std::optional<ad::NestedReversal> nested_;  // None: all states are kept.
  int position_ = 0;
};

Index ChooseLanes(const Definition& definition, LaneKind kind) {
  const Index width = KernelsOf(BestIsa()).width;
  Index registers = 8;
  std::size_t nodes = 0;
  for (const Stage& stage : definition.stages) nodes = std::max(nodes, stage.graph.size());
  const Index doubles = kind == LaneKind::kInterval ? 2 : 1;
  const auto bytes = [&] {
    return kValuesPerNode * static_cast<double>(nodes) *
           static_cast<double>(registers * width * doubles * Index{sizeof(double)});
  };
  while (registers > 1 && bytes() > static_cast<double>(kBlockBytes)) registers /= 2;
  return registers * width;
}

}  // namespace

const Routine& StageRoutines::value() {
  std::call_once(once_[0], [&] { routines_[0] = MakeValue(stage_, kind_, lanes_); });
  return *routines_[0];
}

const Routine& StageRoutines::tangent() {
  std::call_once(once_[1], [&] { routines_[1] = MakeTangent(stage_, kind_, lanes_); });
  return *routines_[1];
}

const Routine& StageRoutines::adjoint() {
  std::call_once(once_[2], [&] { routines_[2] = MakeAdjoint(stage_, kind_, lanes_); });
  return *routines_[2];
}

const Routine& StageRoutines::second_order() {
  std::call_once(once_[3], [&] { routines_[3] = MakeSecondOrder(stage_, kind_, lanes_); });
  return *routines_[3];
}

Evolution::Evolution(const Definition& definition, LaneKind kind)
    : kernels_(KernelsOf(BestIsa())),
      lanes_(ChooseLanes(definition, kind)),
      stride_(kind == LaneKind::kInterval ? 2 * lanes_ : lanes_) {
  for (const Stage& stage : definition.stages) {
    stages_.push_back(std::make_unique<StageRoutines>(stage, kind, lanes_));
  }
}

// States that are not in use, with their memory, so that the steps of a sweep allocate none once
// the pool is filled.
class Evolution::StatePool {
 public:
  State Take() {
    if (free_.empty()) return {};
    State state = std::move(free_.back());
    free_.pop_back();
    return state;
  }

  void Return(State state) { free_.push_back(std::move(state)); }

 private:
  std::vector<State> free_;
};

std::unique_ptr<Evolution::StatePool> Evolution::TakePool() {
  const std::lock_guard lock(mutex_);
  if (pools_.empty()) return std::make_unique<StatePool>();
  std::unique_ptr<StatePool> pool = std::move(pools_.back());
  pools_.pop_back();
  return pool;
}

void Evolution::ReturnPool(std::unique_ptr<StatePool> pool) {
  const std::lock_guard lock(mutex_);
  pools_.push_back(std::move(pool));
}

Evolution::~Evolution() = default;

// One forward sweep over a block and, if wanted, the reverse sweep after it. A state is z, or z and
// ż one after the other.
class Evolution::Sweep {
 public:
  Sweep(Evolution& evolution, const Block& block, const Settings& settings,
        const std::stop_token& stop)
      : evolution_(evolution),
        stride_(evolution.stride_),
        settings_(settings),
        stop_(stop),
        has_tangent_(block.x_dot != nullptr),
        has_adjoint_(block.y_bar != nullptr),
        pool_(evolution.TakePool()),
        counter_(static_cast<std::size_t>(stride_)) {
    const Index n = evolution.stages_.front()->stage().state_size;
    Append(block.x, n, state_);
    if (has_tangent_) Append(block.x_dot, n, state_);
  }

  ~Sweep() {
    for (Reversal& reversal : reversals_) {
      for (State& state : reversal.stored) pool_->Return(std::move(state));
      for (State& state : reversal.taped) pool_->Return(std::move(state));
    }
    evolution_.ReturnPool(std::move(pool_));
  }

  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  void Run(const Block& block) {
    for (auto& stage : evolution_.stages_) {
      if (has_adjoint_) {
        StartReversal(*stage);
      } else {
        for (Index step = 0; step < stage->stage().repeat; ++step) Advance(*stage, step, state_);
      }
    }
    const Index m = OutputSize(*evolution_.stages_.back());
    CopyOut(state_, 0, m, block.y);
    if (has_tangent_) CopyOut(state_, m, m, block.y_dot);
    if (!has_adjoint_) return;
    Append(block.y_bar, m, bar_);
    if (has_tangent_) bar_.resize(bar_.size() * 2, 0.0);
    for (std::size_t i = evolution_.stages_.size(); i-- > 0;) FinishReversal(i);
    const Index n = evolution_.stages_.front()->stage().state_size;
    CopyOut(bar_, 0, n, block.x_bar);
    if (has_tangent_) CopyOut(bar_, n, n, block.x_bar_dot);
  }

 private:
  // A stage on its way back.
  struct Reversal {
    Reverser reverser;
    ad::ReversalAction pending;  // The first reverse action.
    std::vector<State> stored;   // By slot.
    std::vector<State> taped;    // States before the taped steps, the last step's at the back.
  };

  static Index OutputSize(const StageRoutines& stage) {
    return static_cast<Index>(stage.stage().outputs.size());
  }

  void Append(const double* array, Index count, State& state) const {
    state.insert(state.end(), array, array + count * stride_);
  }

  void CopyOut(const State& state, Index first, Index count, double* array) const {
    if (array != nullptr) std::copy_n(state.data() + first * stride_, count * stride_, array);
  }

  void LoadStep(Replayer::Workspace& workspace, const Routine& routine, const StageRoutines& stage,
                const State& state, Index step) {
    if (stop_.stop_requested()) {
      throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the evaluation was cancelled");
    }
    const Stage& definition = stage.stage();
    routine.LoadLanes(workspace, kState, state.data());
    if (definition.has_counter) {
      std::fill(counter_.begin(), counter_.end(),
                static_cast<double>(definition.first_count + step));
      routine.LoadLanes(workspace, kCounter, counter_.data());
    }
    if (has_tangent_) {
      routine.LoadLanes(workspace, 2, state.data() + definition.state_size * stride_);
    }
  }

  // The current state becomes the one after `step`. `before` may be the current state.
  void Advance(StageRoutines& stage, Index step, const State& before) {
    const Routine& routine = has_tangent_ ? stage.tangent() : stage.value();
    Replayer::Workspace workspace(routine.replayer());
    LoadStep(workspace, routine, stage, before, step);
    workspace.Run();
    const Index m = OutputSize(stage);
    state_.resize(static_cast<std::size_t>((has_tangent_ ? 2 : 1) * m * stride_));
    routine.StoreLanes(workspace, 0, state_.data());
    if (has_tangent_) routine.StoreLanes(workspace, 1, state_.data() + m * stride_);
  }

  // The current adjoints become those before `step`, whose state is given.
  void Reverse(StageRoutines& stage, Index step, const State& state) {
    const Routine& routine = has_tangent_ ? stage.second_order() : stage.adjoint();
    Replayer::Workspace workspace(routine.replayer());
    LoadStep(workspace, routine, stage, state, step);
    const Index m = OutputSize(stage);
    const int first = has_tangent_ ? 3 : 2;
    routine.LoadLanes(workspace, first, bar_.data());
    if (has_tangent_) routine.LoadLanes(workspace, first + 1, bar_.data() + m * stride_);
    workspace.Run();
    const Index n = stage.stage().state_size;
    bar_.resize(static_cast<std::size_t>((has_tangent_ ? 2 : 1) * n * stride_));
    routine.StoreLanes(workspace, 0, bar_.data());
    if (has_tangent_) routine.StoreLanes(workspace, 1, bar_.data() + n * stride_);
  }

  // Everything but reversing. `needs_end` says that the state after taped steps matters.
  void Perform(StageRoutines& stage, const ad::ReversalAction& action, Reversal& reversal,
               bool needs_end) {
    using Kind = ad::ReversalAction::Kind;
    switch (action.kind) {
      case Kind::kStore:
        if (reversal.stored.size() <= static_cast<std::size_t>(action.slot)) {
          reversal.stored.resize(static_cast<std::size_t>(action.slot) + 1);
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
          reversal.taped.push_back(std::exchange(state_, pool_->Take()));
          if (needs_end || i + 1 < action.count) {
            Advance(stage, action.step + i, reversal.taped.back());
          }
        }
        return;
      case Kind::kReverse:
        for (Index i = action.count; i-- > 0;) {
          Reverse(stage, action.step + i, reversal.taped.back());
          pool_->Return(std::move(reversal.taped.back()));
          reversal.taped.pop_back();
        }
        return;
    }
  }

  // Runs the stage forward, up to where its schedule first reverses.
  void StartReversal(StageRoutines& stage) {
    const Index bytes = static_cast<Index>(state_.size() * sizeof(double));
    reversals_.push_back(
        {.reverser = Reverser(stage.stage().repeat, settings_, bytes), .pending = {}});
    Reversal& reversal = reversals_.back();
    while (const auto action = reversal.reverser.Next()) {
      if (action->kind == ad::ReversalAction::Kind::kReverse) {
        reversal.pending = *action;
        return;
      }
      Perform(stage, *action, reversal, true);
    }
  }

  void FinishReversal(std::size_t index) {
    StageRoutines& stage = *evolution_.stages_[index];
    Reversal& reversal = reversals_[index];
    Perform(stage, reversal.pending, reversal, false);
    while (const auto action = reversal.reverser.Next()) {
      Perform(stage, *action, reversal, false);
    }
  }

  Evolution& evolution_;
  const Index stride_;
  const Settings& settings_;
  const std::stop_token& stop_;
  const bool has_tangent_;
  const bool has_adjoint_;
  std::unique_ptr<StatePool> pool_;
  State state_;
  State bar_;
  State counter_;
  std::vector<Reversal> reversals_;
};

void Evolution::RunBlock(const Block& block, const Settings& settings,
                         const std::stop_token& stop) {
  Sweep(*this, block, settings, stop).Run(block);
}

void Evolution::Run(const ProductRequest& request, const ProductRequest* upper,
                    const Settings& settings, const std::stop_token& stop) {
  // The arrays of a request, with the member of a block that each becomes.
  using Input = std::pair<LaneRows<const double> ProductRequest::*, const double * Block::*>;
  using Output = std::pair<LaneRows<double> ProductRequest::*, double * Block::*>;
  constexpr std::array<Input, 3> kInputs = {{{&ProductRequest::x, &Block::x},
                                             {&ProductRequest::x_dot, &Block::x_dot},
                                             {&ProductRequest::y_bar, &Block::y_bar}}};
  constexpr std::array<Output, 4> kOutputs = {{{&ProductRequest::y, &Block::y},
                                               {&ProductRequest::y_dot, &Block::y_dot},
                                               {&ProductRequest::x_bar, &Block::x_bar},
                                               {&ProductRequest::x_bar_dot, &Block::x_bar_dot}}};
  const LaneGrid& grid = request.grid;
  const Index width = std::max(stages_.front()->stage().state_size,
                               static_cast<Index>(stages_.back()->stage().outputs.size()));
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(width));
  std::iota(indices.begin(), indices.end(), 0U);
  const auto load = [&](const BlockRows<const double>& rows, Index count, double* array) {
    kernels_.load(RowRun{.indices = indices.data(),
                         .count = count,
                         .lanes = lanes_,
                         .stride = stride_,
                         .pitch = rows.pitch},
                  rows.rows.data(), array);
  };
  const auto store = [&](const double* array, Index points, Index count,
                         const BlockRows<double>& rows) {
    kernels_.store(RowRun{.indices = indices.data(),
                          .count = count,
                          .lanes = lanes_,
                          .stride = stride_,
                          .pitch = rows.pitch},
                   array, indices.data(), points, rows.rows.data());
  };
  ForEachBlock(grid, lanes_, stop, [&] {
    return [&, arrays = std::vector<LaneBuffer>(kInputs.size() + kOutputs.size())](
               Index first, Index points) mutable {
      Block block;
      auto array = arrays.begin();
      for (const auto& [rows, member] : kInputs) {
        const LaneRows<const double>& lower = request.*rows;
        LaneBuffer& buffer = *array++;
        if (lower.data == nullptr) continue;
        if (buffer.data() == nullptr) {
          buffer = LaneBuffer(static_cast<std::size_t>(lower.width * stride_));
        }
        load(RowsOfBlock(lower, grid, first, lanes_), lower.width, buffer.data());
        if (upper != nullptr) {
          load(RowsOfBlock(upper->*rows, grid, first, lanes_), lower.width, buffer.data() + lanes_);
        }
        block.*member = buffer.data();
      }
      const auto outputs = array;
      for (const auto& [rows, member] : kOutputs) {
        LaneBuffer& buffer = *array++;
        if ((request.*rows).data == nullptr) continue;
        if (buffer.data() == nullptr) {
          buffer = LaneBuffer(static_cast<std::size_t>((request.*rows).width * stride_));
        }
        block.*member = buffer.data();
      }
      RunBlock(block, settings, stop);
      array = outputs;
      for (const auto& [rows, member] : kOutputs) {
        LaneBuffer& buffer = *array++;
        const LaneRows<double>& lower = request.*rows;
        if (lower.data == nullptr) continue;
        store(buffer.data(), points, lower.width, RowsOfBlock(lower, grid, first, lanes_));
        if (upper != nullptr) {
          store(buffer.data() + lanes_, points, lower.width,
                RowsOfBlock(upper->*rows, grid, first, lanes_));
        }
      }
    };
  });
}

ReversalCounts CountReversal(const Definition& definition, const Settings& settings, Index lanes) {
  using Kind = ad::ReversalAction::Kind;
  ReversalCounts counts;
  for (const Stage& stage : definition.stages) {
    if (stage.repeat == 1) continue;
    const Index bytes = stage.state_size * Index{sizeof(double)};
    Reverser reverser(stage.repeat, settings, bytes * lanes);
    Index stored = 0;
    Index taped = 0;
    Index peak = 0;
    while (const auto action = reverser.Next()) {
      if (action->kind == Kind::kAdvance) counts.advanced_steps += action->count;
      if (action->kind == Kind::kStore) stored = std::max(stored, action->slot + 1);
      if (action->kind == Kind::kTape) taped = std::max(taped, action->count);
      peak = std::max(peak, stored == 0 ? taped : stored);
    }
    counts.peak_states = std::max(counts.peak_states, peak);
    counts.state_bytes = std::max(counts.state_bytes, bytes);
  }
  return counts;
}

}  // namespace sobolev::program
