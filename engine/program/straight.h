// Programs of one stage that runs once: whatever is asked for together comes from one trace.

#ifndef SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_
#define SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>

#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

// Thread-safe.
class Straight {
 public:
  // `stage` outlives the object.
  Straight(const Stage& stage, LaneKind kind) : stage_(stage), kind_(kind) {}

  // The cheaper mode and the pattern of the Jacobian, or null where it is too large to be symbolic.
  const JacobianPlan* Plan();

  // Derivatives with respect to x, besides the products. One row per point; x, y and derivatives
  // from the same trace. Null means not wanted.
  struct PointResults {
    double* J = nullptr;         // Row: m×n, with its zeros.
    double* sparse_J = nullptr;  // Row: the entries of the pattern.
    double* H = nullptr;         // Row: m×n×n.
  };

  // Runs the products of `request` and, if any is wanted, the results per point; those need a grid
  // of one lane per point, a plan, and for H that HasHessian.
  void Run(const ProductRequest& request, const PointResults& results, const std::stop_token& stop);
  // The same on intervals: every array has a partner with the upper bounds.
  void RunBoxes(const ProductRequest& lower, const ProductRequest& upper,
                const PointResults& lower_results, const PointResults& upper_results,
                const std::stop_token& stop);

  // Whether the Hessian is small enough to be symbolic.
  bool HasHessian();
  // Structural nonzeros of the lower triangles of all ∇²yᵢ; needs HasHessian.
  Index HessianNonzeros();

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

    friend auto operator<=>(const Wanted&, const Wanted&) = default;
  };

  static Wanted WantedBy(const ProductRequest& request, const PointResults& results);
  const Routine& Get(const Wanted& wanted);
  std::unique_ptr<const Routine> Make(const Wanted& wanted);

  const Stage& stage_;
  const LaneKind kind_;
  std::once_flag plan_once_;
  std::optional<JacobianPlan> plan_;
  std::once_flag hessian_once_;
  std::optional<Index> hessian_nonzeros_;
  std::mutex mutex_;
  std::map<Wanted, std::unique_ptr<const Routine>> routines_;  // Guarded by mutex_.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_STRAIGHT_H_
