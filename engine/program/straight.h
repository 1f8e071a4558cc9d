// Programs of one stage that runs once: whatever is asked for together comes from one trace.

#ifndef SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_
#define SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>

#include "engine/program/definition.h"
#include "engine/program/routine.h"
#include "engine/program/sweep.h"
#include "engine/program/symbolic_derivatives.h"

namespace sobolev::program {

// Thread-safe.
class Straight {
 public:
  // `symbolic`, which other kinds of lanes share, outlives the object, and so does its stage.
  Straight(SymbolicDerivatives& symbolic, LaneKind kind)
      : symbolic_(symbolic), stage_(symbolic.stage()), kind_(kind) {}

  // Derivatives with respect to x, besides the products. One row per point; x, y and derivatives
  // from the same trace. Null means not wanted.
  struct PointResults {
    double* J = nullptr;         // Row: m×n, with its zeros.
    double* sparse_J = nullptr;  // Row: the entries of the pattern.
    double* H = nullptr;         // Row: m×n×n.
  };

  // Runs the products of `request` and, if any is wanted, the results per point; those need a grid
  // of one lane per point, and derivatives that are symbolic (symbolic_derivatives.h).
  void Run(const ProductRequest& request, const PointResults& results, const std::stop_token& stop);
  // The same on intervals: every array has a partner with the upper bounds.
  void RunBoxes(const ProductRequest& lower, const ProductRequest& upper,
                const PointResults& lower_results, const PointResults& upper_results,
                const std::stop_token& stop);

 private:
  // Which regions a routine has, in this order.
  struct Wanted {
    bool x_dot = false;
    bool y_bar = false;
    bool y = false;
    bool y_dot = false;
    bool x_bar = false;
    bool x_bar_dot = false;
    bool J = false;
    bool sparse_J = false;
    bool H = false;

    // NOLINTNEXTLINE(modernize-use-nullptr): the check mistakes the 0 of a defaulted <=>.
    friend auto operator<=>(const Wanted&, const Wanted&) = default;
  };

  // Compiled by the first who asks for it; meanwhile others get theirs.
  struct CachedRoutine {
    std::once_flag once;
    std::unique_ptr<const Routine> routine;
  };

  static Wanted WantedBy(const ProductRequest& request, const PointResults& results);
  const Routine& Get(const Wanted& wanted);
  std::unique_ptr<const Routine> Make(const Wanted& wanted);

  SymbolicDerivatives& symbolic_;
  const Stage& stage_;
  const LaneKind kind_;
  std::mutex mutex_;
  std::map<Wanted, CachedRoutine> routines_;  // Its entries never move. Guarded by mutex_.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_
