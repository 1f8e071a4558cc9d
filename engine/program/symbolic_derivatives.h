// What is decided once about the symbolic derivatives of a stage, whatever the lanes hold.

#ifndef SOBOLEV_ENGINE_PROGRAM_SYMBOLIC_DERIVATIVES_H_
#define SOBOLEV_ENGINE_PROGRAM_SYMBOLIC_DERIVATIVES_H_

#include <cstddef>
#include <mutex>
#include <optional>

#include "engine/program/definition.h"
#include "engine/program/derivation.h"

namespace sobolev::program {

// Thread-safe. Nothing is derived before it is asked for.
class SymbolicDerivatives {
 public:
  // `stage` outlives the object. max_size: as in derivation.h.
  SymbolicDerivatives(const Stage& stage, std::size_t max_size)
      : stage_(stage), max_size_(max_size) {}

  const Stage& stage() const { return stage_; }

  // The cheaper mode and the pattern of the Jacobian, or null where it is beyond max_size.
  const JacobianPlan* Jacobian();

  // Whether the Hessian is within an eighth of max_size.
  bool HasHessian();
  // The structural nonzeros of Σᵢ ∇²yᵢ, or −1 without HasHessian.
  Index HessianNonzeros();

 private:
  const Stage& stage_;
  const std::size_t max_size_;
  std::once_flag jacobian_once_;
  std::optional<JacobianPlan> jacobian_;
  std::once_flag hessian_once_;
  Index hessian_nonzeros_ = -1;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SYMBOLIC_DERIVATIVES_H_
