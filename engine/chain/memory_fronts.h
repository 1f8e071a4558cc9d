// Plans within all memories at once, by dynamic programming over subchains.
//
// A front is what a subchain can be made for: the fewest multiply-adds for every memory. There are
// three for each F'_{j,i}, all with z_i given, which is counted where it was made:
//
//     kKept     z_{i+1} … z_j are there, and are dropped one after the other;
//     kAlone    nothing else is there;
//     kPassing  nothing else is there, and z_{j+1} is to be there in the end.
//
// Each is combined of fronts of shorter subchains, made one after the other in either order, with
// the first result held while the second is made, and values evaluated again where they were not
// kept. That leaves out plans that take turns between subchains, so that a plan may cost more than
// the best within its memory; one for the least memory of all plans of this form is always there.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_FRONTS_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_FRONTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {

class MemoryFronts {
 public:
  enum class Start : std::uint8_t { kKept, kAlone, kPassing };

  // How a subchain is made of shorter ones.
  enum class Rule : std::uint8_t {
    kTangents,        // Accumulated.
    kAdjoints,        // Accumulated.
    kLaterFirst,      // A product with the later operand made first.
    kLaterFirstKeep,  // Likewise, with the values for the earlier one kept meanwhile.
    kEarlierFirst,    // A product with the earlier operand made first.
    kAdjoint,         // One adjoint step.
    kTangent,         // One tangent step.
    kKeepAll,         // As kKept, after evaluating all values.
    kEvaluateAfter,   // As kAlone, and z_{j+1} afterwards.
    kEvaluateBefore,  // As kAlone, with z_{j+1} held from the beginning.
  };

  struct Point {
    std::uint64_t memory = 0;
    std::uint64_t cost = 0;
    Rule rule = Rule::kTangents;
    std::int16_t split = 0;  // k, where there are two operands.
    std::int16_t later = 0;  // Place in the front of the operand, or of the only one.
    std::int16_t earlier = 0;
  };
  // By memory, ascending; costs descend.
  using Front = std::vector<Point>;

  // Throws Error(kCancelled) once `stop` fires.
  MemoryFronts(const MemorySizes& sizes, const std::stop_token& stop);

  // Of the whole chain.
  const Front& Root() const { return At(Start::kAlone, sizes_.size() - 1, 0); }
  // What the plan at a place of the root's front does.
  std::vector<PlannedMove> Moves(std::size_t place) const;

 private:
  class Collector;
  class Writer;

  const Front& At(Start start, int j, int i) const {
    return fronts_[static_cast<std::size_t>(start)][Cell(j, i)];
  }
  std::size_t Cell(int j, int i) const {
    return static_cast<std::size_t>(j) * static_cast<std::size_t>(sizes_.size()) +
           static_cast<std::size_t>(i);
  }
  Front Kept(int j, int i) const;
  Front Alone(int j, int i) const;
  Front Passing(int j, int i) const;

  const MemorySizes& sizes_;
  std::array<std::vector<Front>, 3> fronts_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_FRONTS_H_
