// The stages of a program, while it is recorded and when it is complete.
//
// Between two stages everything that is alive is state: each number that is not known becomes an
// element of z, an output of the stage before and an input of the one behind. Which of them is
// really needed shows only at the end, so recording keeps all, and Finish takes out what no output
// depends on (the liveness analysis of compilers, but exact, element by element, on the graphs).

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STAGES_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STAGES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "engine/program/definition.h"
#include "engine/program/graph.h"
#include "engine/program/language/arithmetic.h"
#include "engine/program/language/value.h"

namespace sobolev::program::language {

class Stages {
 public:
  // A variable that is alive between two stages.
  struct Live {
    Value* value = nullptr;
    bool assigned = false;  // By the loop that begins: its elements change, known or not.
  };

  // Recording starts in a stage that runs once. The arithmetic and the meter outlive this.
  Stages(Arithmetic& arithmetic, Meter& meter, std::size_t max_operations);

  Number AddInput();

  // A stage begins that runs `repeat` times. The numbers of `live` become elements of its state.
  // Returns the counter t, which is first_count in the first step.
  Number BeginLoop(std::span<const Live> live, Index repeat, Index first_count);
  // Recording goes on in a stage that runs once. `live` are the variables of BeginLoop.
  void EndLoop(std::span<const Live> live);

  // The stages, of which the last computes `outputs`, without what they do not depend on.
  std::vector<Stage> Finish(std::span<const Number> outputs);

 private:
  Stage& current() { return stages_.back(); }
  // Calls visit(number, assigned) for every element of `live` that belongs to the state.
  template <class Visit>
  void ForEachElement(std::span<const Live> live, const Visit& visit);
  // A stage begins, whose graph takes over recording and may have what is left of max_operations.
  void Open(Index state_size);

  Arithmetic& arithmetic_;
  Meter& meter_;
  std::size_t max_operations_;
  std::size_t used_operations_ = 0;  // Of the stages before the current one.
  std::vector<Stage> stages_;
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STAGES_H_
