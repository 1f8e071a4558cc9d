// How the steps of a program's time loops are reversed, and what their kept states take.

#ifndef SOBOLEV_ENGINE_PROGRAM_REVERSER_H_
#define SOBOLEV_ENGINE_PROGRAM_REVERSER_H_

#include <optional>

#include "engine/ad/checkpointing.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"

namespace sobolev::program {

// Bytes of the states of one block of points.
struct StateSizes {
  Index element = 0;  // Of one element of a state: in every lane, with its tangent if there is one.
  Index max_states = 0;  // Of all states that one sweep may keep.
};

// What automatic reversal keeps of one block, and a pool of states between sweeps.
inline constexpr Index kAutomaticBytes = Index{64} << 20;

// The actions that reverse one stage, one after the other.
class Reverser {
 public:
  // With automatic reversal all time loops of the program together keep kAutomaticBytes, but at
  // least two states each.
  Reverser(const Definition& definition, const Stage& stage, const Settings& settings,
           const StateSizes& sizes);

  // The next action, or nothing when all steps are reversed.
  std::optional<ad::ReversalAction> Next();

  // No more states are kept at once.
  Index max_states() const { return max_states_; }

 private:
  Index num_steps_;
  Index max_states_;
  std::optional<ad::NestedReversal> nested_;  // None: all states are kept.
  int position_ = 0;
};

// Throws Error(kResourceExhausted, TOO_MANY_STATES) naming "reversal" if the settings ask for more
// than sizes.max_states bytes. Never for automatic and memory-poor reversal, which keep what they
// must.
void RequireStatesFit(const Definition& definition, const Settings& settings,
                      const StateSizes& sizes);

// What an adjoint sweep over a block does, by playing its schedules. `with_tangents`: each state
// has its tangent with it.
ReversalCounts CountReversal(const Definition& definition, const Settings& settings,
                             const StateSizes& sizes, bool with_tangents);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_REVERSER_H_
