#include "engine/program/symbolic_derivatives.h"

namespace sobolev::program {

const JacobianPlan* SymbolicDerivatives::Jacobian() {
  std::call_once(jacobian_once_, [&] { jacobian_ = PlanJacobian(stage_, max_size_); });
  return jacobian_ ? &*jacobian_ : nullptr;
}

bool SymbolicDerivatives::HasHessian() { return HessianNonzeros() >= 0; }

Index SymbolicDerivatives::HessianNonzeros() {
  std::call_once(hessian_once_, [&] {
    Graph graph = stage_.graph;
    const auto jacobian = AppendJacobian(graph, stage_, Mode::kReverse, max_size_);
    if (!jacobian) return;
    const auto hessian = AppendHessian(graph, stage_, *jacobian, max_size_);
    if (hessian) hessian_nonzeros_ = CountHessianNonzeros(*hessian, stage_.state_size);
  });
  return hessian_nonzeros_;
}

}  // namespace sobolev::program
