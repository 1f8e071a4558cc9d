#include "engine/program/reverser.h"

#include <algorithm>
#include <string>

#include "engine/base/error.h"

namespace sobolev::program {
namespace {

Index CountTimeLoops(const Definition& definition) {
  return std::count_if(definition.stages.begin(), definition.stages.end(),
                       [](const Stage& stage) { return stage.repeat > 1; });
}

// How many states of the stage may be kept at once.
Index MaxStates(const Definition& definition, const Stage& stage, const Settings& settings,
                const StateSizes& sizes) {
  switch (settings.reversal) {
    case Reversal::kAutomatic: {
      const Index loops = std::max<Index>(CountTimeLoops(definition), 1);
      const Index bytes = std::max<Index>(stage.state_size * sizes.element, 1);
      return std::min(stage.repeat, std::max<Index>(kAutomaticBytes / loops / bytes, 2));
    }
    case Reversal::kMemoryPoor:
      return 1;
    case Reversal::kBinomial:
      return std::min(settings.checkpoints, stage.repeat);
    case Reversal::kVanilla:
      break;
  }
  return stage.repeat;
}

}  // namespace

Reverser::Reverser(const Definition& definition, const Stage& stage, const Settings& settings,
                   const StateSizes& sizes)
    : num_steps_(stage.repeat), max_states_(MaxStates(definition, stage, settings, sizes)) {
  const bool keeps_all = settings.reversal == Reversal::kVanilla ||
                         (settings.reversal == Reversal::kAutomatic && max_states_ == stage.repeat);
  if (!keeps_all) nested_.emplace(stage.repeat, max_states_);
}

std::optional<ad::ReversalAction> Reverser::Next() {
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

void RequireStatesFit(const Definition& definition, const Settings& settings,
                      const StateSizes& sizes) {
  if (settings.reversal == Reversal::kAutomatic || settings.reversal == Reversal::kMemoryPoor) {
    return;
  }
  // In floating-point numbers, which do not overflow.
  double states = 0;
  double bytes = 0;
  for (const Stage& stage : definition.stages) {
    if (stage.repeat == 1) continue;
    const auto kept = static_cast<double>(MaxStates(definition, stage, settings, sizes));
    states += kept;
    bytes += kept * static_cast<double>(stage.state_size) * static_cast<double>(sizes.element);
  }
  if (bytes <= static_cast<double>(sizes.max_states)) return;
  constexpr double kMiB = 1 << 20;
  const auto text = [](double x) { return std::to_string(static_cast<Index>(x)); };
  throw Error(ErrorCode::kResourceExhausted, "TOO_MANY_STATES", "reversal",
              "expected at most " + text(static_cast<double>(sizes.max_states) / kMiB) +
                  " MiB of kept states for a block of points, got " + text(states) +
                  " states of together " + text(bytes / kMiB) +
                  " MiB; reverse automatically, or binomially with fewer checkpoints");
}

ReversalCounts CountReversal(const Definition& definition, const Settings& settings,
                             const StateSizes& sizes, bool with_tangents) {
  using Kind = ad::ReversalAction::Kind;
  ReversalCounts counts;
  for (const Stage& stage : definition.stages) {
    if (stage.repeat == 1) continue;
    Reverser reverser(definition, stage, settings, sizes);
    Index stored = 0;
    Index taped = 0;
    Index peak = 0;
    while (const auto action = reverser.Next()) {
      if (action->kind == Kind::kAdvance) counts.advanced_steps += action->count;
      if (action->kind == Kind::kStore) stored = std::max(stored, action->slot + 1);
      if (action->kind == Kind::kTape) taped = std::max(taped, action->count);
      peak = std::max(peak, stored == 0 ? taped : stored);
    }
    const Index bytes = stage.state_size * Index{sizeof(double)} * (with_tangents ? 2 : 1);
    counts.peak_states = std::max(counts.peak_states, peak);
    counts.state_bytes = std::max(counts.state_bytes, bytes);
  }
  return counts;
}

}  // namespace sobolev::program
